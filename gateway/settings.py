"""Typed settings, read once from the environment and the command line."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gateway.errors import ConfigurationError

PREFIX = "XUEJI_"


@dataclass(frozen=True, slots=True)
class Settings:
    """What the program needs to know before it opens anything. Environment variables carry ``XUEJI_``.

    ``registry_url`` and ``gateway_url`` are SQLAlchemy URLs; ``files`` holds finished extracts,
    encrypted; ``public_url`` is what clients and wallets see, without a trailing slash.
    """

    home: Path
    registry_url: str
    gateway_url: str
    keys: Path
    config: Path
    files: Path
    public_url: str
    log_origin: str
    rate_limit_url: str = "memory://"
    separation: str = "three"
    """Separation of duties: ``two`` or ``three`` (design 5)."""

    witness: Path | None = None
    """Directory of a witness that this host can read: a log that is behind it is not written to (a restore)."""

    @property
    def sqlite(self) -> bool:
        """Whether either database is SQLite: one host, one process."""
        return self.registry_url.startswith("sqlite") or self.gateway_url.startswith("sqlite")


def default_config() -> Path:
    """Return the rule book that ships with the program: ``config/`` of a checkout, else the packaged copy."""
    checkout = Path(__file__).resolve().parent.parent / "config"
    if checkout.is_dir():
        return checkout
    import rulebook  # noqa: PLC0415  only to find where it is installed

    return Path(rulebook.__file__).resolve().parent / "config"


def from_environment(environ: Mapping[str, str] | None = None, *, home: Path | None = None) -> Settings:
    """Return the settings; ``XUEJI_HOME`` (default ``var``) holds what the other settings do not place.

    Raises ``ConfigurationError`` on an unknown ``XUEJI_`` variable or a separation other than two or three.
    """
    env = os.environ if environ is None else environ
    known = {f"{PREFIX}{name}" for name in (
        "HOME", "REGISTRY_URL", "GATEWAY_URL", "KEYS", "CONFIG", "FILES", "PUBLIC_URL", "LOG_ORIGIN",
        "RATE_LIMIT_URL", "SEPARATION", "WITNESS",
    )}  # fmt: skip
    unknown = sorted(name for name in env if name.startswith(PREFIX) and name not in known)
    if unknown:
        raise ConfigurationError(f"Unknown settings: {', '.join(unknown)}. Known: {', '.join(sorted(known))}.")
    root = (home or Path(env.get("XUEJI_HOME", "var"))).absolute()
    separation = env.get("XUEJI_SEPARATION", "three")
    if separation not in {"two", "three"}:
        raise ConfigurationError("XUEJI_SEPARATION must be 'two' or 'three'.")
    public_url = env.get("XUEJI_PUBLIC_URL", "http://127.0.0.1:8080").rstrip("/")
    return Settings(
        home=root,
        registry_url=env.get("XUEJI_REGISTRY_URL", f"sqlite:///{root / 'registry.db'}"),
        gateway_url=env.get("XUEJI_GATEWAY_URL", f"sqlite:///{root / 'gateway.db'}"),
        keys=Path(env.get("XUEJI_KEYS", root / "keys")).absolute(),
        config=Path(env.get("XUEJI_CONFIG", default_config())).absolute(),
        files=Path(env.get("XUEJI_FILES", root / "files")).absolute(),
        public_url=public_url,
        log_origin=env.get("XUEJI_LOG_ORIGIN", "xueji-gateway.example/log"),
        rate_limit_url=env.get("XUEJI_RATE_LIMIT_URL", "memory://"),
        separation=separation,
        witness=Path(env["XUEJI_WITNESS"]).absolute() if "XUEJI_WITNESS" in env else None,
    )
