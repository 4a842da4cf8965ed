"""Passwords: what is accepted, how they are hashed, how new ones are made (A50-2)."""

from __future__ import annotations

import secrets
import unicodedata
from collections.abc import Callable, Iterable

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from gateway.accounts.errors import WeakPasswordError

MIN_LENGTH = 12
MAX_LENGTH = 128
"""Longer input is refused before it is hashed: hashing must cost the same for everybody."""
HISTORY = 5
"""A new password differs from so many earlier ones, the present one included."""
MIN_DISTINCT = 5
"""So many different characters remain when common words and runs are taken away."""

ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
"""Without characters that people confuse on paper: i l o 0 1."""
GROUPS = 4
GROUP_LENGTH = 5

COMMON_WORDS = (
    "password", "passw0rd", "p@ssw0rd", "p@ssword", "admin", "administrator", "qwerty", "qwertyuiop", "qazwsx",
    "asdfgh", "asdfghjkl", "zxcvbn", "zxcvbnm", "1q2w3e", "1qaz2wsx", "qwe123", "abc123", "abcdef", "abcd1234",
    "letmein", "welcome", "iloveyou", "woaini", "woaiwojia", "monkey", "dragon", "sunshine", "princess", "football",
    "changeme", "default", "secret", "test", "root", "user", "guest", "login", "master", "xueji", "xuexiao", "jiaoyu",
    "shanxi", "taiyuan", "school", "student", "mima", "zhongguo", "aini1314", "5201314", "1314520", "123456", "654321",
    "111111", "000000", "666666", "888888", "112233", "123123", "147258", "789456",
)  # fmt: skip
"""What lists of leaked passwords are made of, and words of this system (NIST SP 800-63B, section 3.1.1.2)."""

_RUNS = (
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890123456789",
    "qwertyuiopasdfghjklzxcvbnm",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm",
)


class Passwords:
    """Hashes and checks passwords with argon2id.

    The default costs are OWASP's first choice (19 MiB, two passes, one lane); tests give cheaper ones.
    One dummy hash, made at construction with the same costs, stands in for users who do not exist.
    """

    def __init__(self, *, time_cost: int = 2, memory_kib: int = 19456, lanes: int = 1) -> None:
        self._hasher = PasswordHasher(time_cost=time_cost, memory_cost=memory_kib, parallelism=lanes)
        self._dummy = self._hasher.hash(secrets.token_hex(16))

    def hash(self, password: str) -> str:
        """Return the argon2id hash of ``password`` in PHC form, with a fresh salt."""
        return self._hasher.hash(_normal(password))

    def holds(self, password: str, hashed: str | None) -> bool:
        """Say whether ``password`` made ``hashed``; the same work is done when there is no hash."""
        try:
            self._hasher.verify(hashed or self._dummy, _normal(password)[:MAX_LENGTH])
        except (VerificationError, InvalidHashError):
            return False
        return hashed is not None and len(_normal(password)) <= MAX_LENGTH

    def outdated(self, hashed: str) -> bool:
        """Say whether ``hashed`` was made with other costs than those in force."""
        return self._hasher.check_needs_rehash(hashed)

    def check_new(self, password: str, *, username: str, earlier: Iterable[str]) -> None:
        """Raise ``WeakPasswordError`` unless ``password`` may become the password of ``username``.

        ``earlier`` are the hashes of earlier passwords, the present one first; it may match none of them.
        """
        check_strength(password, username=username)
        if any(self.holds(password, hashed) for hashed in earlier):
            raise WeakPasswordError(
                f"The password was used before: choose one that differs from your last {HISTORY}.",
                detail_zh=f"新密码不得与最近 {HISTORY} 次使用过的密码相同。",
            )


def check_strength(password: str, *, username: str) -> None:
    """Raise ``WeakPasswordError`` when ``password`` is too short or long, common, or like ``username``."""
    text = _normal(password)
    if not MIN_LENGTH <= len(text) <= MAX_LENGTH:
        raise WeakPasswordError(
            f"A password has {MIN_LENGTH} to {MAX_LENGTH} characters.",
            detail_zh=f"密码长度应为 {MIN_LENGTH} 至 {MAX_LENGTH} 个字符。",
        )
    folded = text.casefold()
    if username and username.casefold() in folded:
        raise WeakPasswordError("A password may not contain the user name.", detail_zh="密码不得包含用户名。")
    if len(_remainder(folded)) < MIN_DISTINCT:
        raise WeakPasswordError(
            "The password is too common: words such as 'password', runs such as '123456' and repeated "
            "characters do not count. Use several unrelated words or a generated password.",
            detail_zh="密码过于常见：常用词（如 password）、连续字符（如 123456）和重复字符不计入强度。",
        )


def generate(choice: Callable[[str], str] = secrets.choice) -> str:
    """Return a new password of 20 characters in four groups: 99 bits with the default ``choice``."""
    return "-".join("".join(choice(ALPHABET) for _ in range(GROUP_LENGTH)) for _ in range(GROUPS))


def _remainder(folded: str) -> set[str]:
    """Return the different characters that are left without common words and runs of four."""
    for word in sorted(COMMON_WORDS, key=len, reverse=True):
        folded = folded.replace(word, " ")
    kept: set[str] = set()
    position = 0
    while position < len(folded):
        length = _run_at(folded, position)
        if length:
            position += length
            continue
        if not folded[position].isspace():
            kept.add(folded[position])
        position += 1
    return kept


def _run_at(text: str, start: int) -> int:
    """Return the length of the run of at least four characters, forwards or backwards, that starts at ``start``."""
    best = 0
    for run in _RUNS:
        for line in (run, run[::-1]):
            length = 4
            while start + length <= len(text) and text[start : start + length] in line:
                best = max(best, length)
                length += 1
    return best


def _normal(password: str) -> str:
    """Return the NFC form: the same keys on two systems make the same password (NIST SP 800-63B, 3.1.1.2).

    Half of a surrogate pair, which JSON can carry, is spelled out, so that every text can be hashed.
    """
    return unicodedata.normalize("NFC", password).encode(errors="backslashreplace").decode()
