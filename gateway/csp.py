"""The content security policy of every answer, and of the one page whose form goes elsewhere."""

from __future__ import annotations

from urllib.parse import urlsplit

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


def with_form_to(address: str) -> str:
    """Return the policy of a page with a form that goes to a registered ``address``.

    Browsers hold ``form-action`` against every redirect that follows, and where a relying party leads its people on is
    theirs to say: any https address will do, and the party's own where it stands on loopback without TLS.
    """
    parts = urlsplit(address)
    own = "" if parts.scheme == "https" else f" {parts.scheme}://{parts.netloc}"
    return CSP.replace("form-action 'self'", f"form-action 'self' https:{own}")
