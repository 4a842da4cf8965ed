"""``/v1/family``: guardians and pupils by an application of their own, instead of the pages under ``/family``."""
