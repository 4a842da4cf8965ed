"""The desk of papers: wired, and what the command line needs of it."""

from __future__ import annotations

from core_registry.db.paper_store import SqlPaperStore
from core_registry.office import CertificateKey, CertificateLine, Paper, PaperDesk
from core_registry.papers.forms import Wording
from gateway.bootstrap.parts import Parts, Process
from gateway.bootstrap.registry import registry_keys
from gateway.bootstrap.texts import redactor_of
from gateway.errors import ConfigurationError
from gateway.keyring import Face

__all__ = ["CertificateKey", "CertificateLine", "Paper", "PaperDesk", "paper_desk", "papers_of"]

CHECK_PATH = "/certificates/check"
"""The public page on which a certificate is checked; its address stands in the QR code of Annexes 4 and 5."""


def paper_desk(parts: Parts) -> PaperDesk | None:
    """Return the desk of papers, ``None`` on a face without the registry."""
    if parts.registry is None:
        return None
    categories = parts.book.code_lists["school_category"].labels
    store = SqlPaperStore(parts.registry, registry_keys(parts.keyring), categories, redactor_of(parts))
    # The public address is the outside face's, which has no registry: only where one process is all faces it answers.
    check_url = parts.settings.public_url.rstrip("/") + CHECK_PATH if parts.face is Face.ALL else ""
    return PaperDesk(store, Wording.of(parts.book), parts.now, check_url)


def papers_of(process: Process) -> PaperDesk:
    """Return the desk of papers of a process; raises ``ConfigurationError`` on a face without the registry."""
    if process.services.papers is None:
        raise ConfigurationError("This face has no registry.", detail_zh="本端没有学籍库。")
    return process.services.papers
