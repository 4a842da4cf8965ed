"""Everything that whoever owns the database may do to a log: each damage by its name, with what has to be found."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from gateway.audit.checkpoint import Checkpoint
from gateway.audit.findings import Damage
from gateway.audit.merkle import leaf_hash
from gateway.audit.note import NoteSigner
from gateway.audit.tiles import WIDTH
from tests.factories.journal import ORIGIN, make_identity
from tests.factories.tampering import MANY, SIZE, STRANGER, TAGGED, WITNESS, Vandal, Victim


@dataclass(frozen=True, slots=True)
class Expected:
    """What has to be found: each damage with its index, of one damage or more; nothing else with an index."""

    found: frozenset[tuple[Damage, int | None]]
    witnessed: bool = False
    """Whether only what the witness kept shows it: without that the log has to seem sound."""
    more: frozenset[Damage] = frozenset()
    """Damage that follows from it and may be told beside it."""


def one(
    damage: Damage, *indexes: int | None, more: frozenset[Damage] = frozenset(), witnessed: bool = False
) -> Expected:
    """Return what has to be found of one kind."""
    return Expected(frozenset((damage, index) for index in indexes), witnessed, more)


Act = Callable[[Vandal, Victim, random.Random], Expected]
ACTS: dict[str, Act] = {}


def act(function: Act) -> Act:
    """Enter a damage in the list."""
    ACTS[function.__name__.removeprefix("_")] = function
    return function


def _other(body: bytes, chance: random.Random) -> bytes:
    """Return another entry of the same form."""
    return (
        body.replace(b'"n":', b'"m":') if chance.random() < 0.5 else body.replace(b"release.intent", b"release.intens")
    )


def _any(chance: random.Random, first: int = 0, last: int = SIZE - 1) -> int:
    return chance.randint(first, last)


@act
def _row_changed(db: Vandal, _victim: Victim, chance: random.Random) -> Expected:
    index = _any(chance)
    db.do("UPDATE log_entries SET body = ? WHERE seq = ?", _other(db.body(index), chance), index)
    return one(Damage.ALTERED, index)


@act
def _row_made_no_json(db: Vandal, _victim: Victim, chance: random.Random) -> Expected:
    index = _any(chance)
    db.do("UPDATE log_entries SET body = ? WHERE seq = ?", chance.randbytes(chance.choice((0, 1, 300))), index)
    return one(Damage.ALTERED, index)


@act
def _row_and_its_hash_changed(db: Vandal, _victim: Victim, chance: random.Random) -> Expected:
    index = _any(chance)
    body = _other(db.body(index), chance)
    db.do("UPDATE log_entries SET body = ?, leaf_hash = ? WHERE seq = ?", body, leaf_hash(body), index)
    return one(Damage.ALTERED, index)


@act
def _row_and_all_tiles_changed(db: Vandal, victim: Victim, chance: random.Random) -> Expected:
    index = _any(chance)
    body = _other(db.body(index), chance)
    db.do("UPDATE log_entries SET body = ?, leaf_hash = ? WHERE seq = ?", body, leaf_hash(body), index)
    db.rebuild()
    return one(Damage.REWRITTEN, victim.group_of(index), more=frozenset({Damage.FORKED}))


@act
def _several_rows_changed(db: Vandal, _victim: Victim, chance: random.Random) -> Expected:
    indexes = chance.sample(range(SIZE), 4)
    for index in indexes:
        db.do("UPDATE log_entries SET body = ? WHERE seq = ?", _other(db.body(index), chance), index)
    return one(Damage.ALTERED, *indexes)


@act
def _hash_beside_changed(db: Vandal, _victim: Victim, chance: random.Random) -> Expected:
    index = _any(chance)
    db.do("UPDATE log_entries SET leaf_hash = ? WHERE seq = ?", chance.randbytes(32), index)
    return one(Damage.HASH, index)


@act
def _row_deleted(db: Vandal, _victim: Victim, chance: random.Random) -> Expected:
    index = _any(chance, last=SIZE - 2)
    db.do("DELETE FROM log_entries WHERE seq = ?", index)
    return one(Damage.MISSING, index)


@act
def _rows_deleted(db: Vandal, _victim: Victim, chance: random.Random) -> Expected:
    first = _any(chance, last=SIZE - 12)
    db.do("DELETE FROM log_entries WHERE seq BETWEEN ? AND ?", first, first + 9)
    return one(Damage.MISSING, *range(first, first + 10))


@act
def _row_deleted_and_the_gap_closed(db: Vandal, _victim: Victim, chance: random.Random) -> Expected:
    index = _any(chance, last=SIZE - 2)
    db.do("DELETE FROM log_entries WHERE seq = ?", index)
    db.shift(index + 1, -1)
    return one(Damage.MISSING, index)


@act
def _neighbours_swapped(db: Vandal, _victim: Victim, chance: random.Random) -> Expected:
    index = _any(chance, last=SIZE - 2)
    return _swap(db, index, index + 1)


@act
def _far_ones_swapped(db: Vandal, _victim: Victim, chance: random.Random) -> Expected:
    first, second = sorted(chance.sample(range(SIZE), 2))
    return _swap(db, first, second)


def _swap(db: Vandal, first: int, second: int) -> Expected:
    db.do("UPDATE log_entries SET seq = -5 WHERE seq = ?", first)
    db.do("UPDATE log_entries SET seq = ? WHERE seq = ?", first, second)
    db.do("UPDATE log_entries SET seq = ? WHERE seq = -5", second)
    return one(Damage.REORDERED, first, second)


@act
def _row_inserted(db: Vandal, _victim: Victim, chance: random.Random) -> Expected:
    index = _any(chance)
    body = _other(db.body(_any(chance)), chance)
    db.shift(index, 1)
    db.put(index, body)
    return one(Damage.INSERTED, index)


@act
def _row_copied_in(db: Vandal, _victim: Victim, chance: random.Random) -> Expected:
    index = _any(chance, first=10)
    body = db.body(index - 5)
    db.shift(index, 1)
    db.put(index, body)
    return one(Damage.INSERTED, index)


@act
def _row_put_before_the_first(db: Vandal, _victim: Victim, chance: random.Random) -> Expected:
    index = -_any(chance, first=1)
    db.put(index, _other(db.body(3), chance))
    return one(Damage.INSERTED, index)


@act
def _row_appended(db: Vandal, _victim: Victim, chance: random.Random) -> Expected:
    db.put(SIZE, _other(db.body(_any(chance)), chance))
    return one(Damage.UNSIGNED, SIZE)


@act
def _row_appended_with_its_tiles(db: Vandal, _victim: Victim, chance: random.Random) -> Expected:
    db.put(SIZE, _other(db.body(_any(chance)), chance))
    db.rebuild()
    return one(Damage.UNSIGNED, SIZE)


@act
def _row_put_far_away(db: Vandal, _victim: Victim, chance: random.Random) -> Expected:
    index = chance.choice((SIZE + 1000, 2**40, 2**62))
    db.put(index, _other(db.body(1), chance))
    return one(Damage.UNSIGNED, index)


@act
def _tail_cut(db: Vandal, _victim: Victim, chance: random.Random) -> Expected:
    count = _any(chance, first=1, last=SIZE - 1)
    db.do("DELETE FROM log_entries WHERE seq >= ?", count)
    return one(Damage.TRUNCATED, count)


@act
def _everything_deleted(db: Vandal, _victim: Victim, _chance: random.Random) -> Expected:
    db.do("DELETE FROM log_entries")
    return one(Damage.TRUNCATED, 0)


@act
def _tail_cut_with_its_tiles(db: Vandal, _victim: Victim, chance: random.Random) -> Expected:
    count = _any(chance, first=1, last=SIZE - 1)
    db.do("DELETE FROM log_entries WHERE seq >= ?", count)
    db.rebuild()
    return one(Damage.TRUNCATED, count)


@act
def _hash_in_a_tile_changed(db: Vandal, _victim: Victim, chance: random.Random) -> Expected:
    index = _any(chance)
    tile = bytes(db.do("SELECT hashes FROM log_tiles WHERE level = 0 AND tile = ?", index // WIDTH)[0][0])
    at = index % WIDTH * 32
    changed = tile[:at] + chance.randbytes(32) + tile[at + 32 :]
    db.do("UPDATE log_tiles SET hashes = ? WHERE level = 0 AND tile = ?", changed, index // WIDTH)
    return one(Damage.TILE, index)


@act
def _inner_tile_changed(db: Vandal, _victim: Victim, chance: random.Random) -> Expected:
    db.do("UPDATE log_tiles SET hashes = ? WHERE level = 1", chance.randbytes(32))
    return one(Damage.TILE, 0)


@act
def _tile_deleted(db: Vandal, _victim: Victim, chance: random.Random) -> Expected:
    tile = chance.choice((0, 1))
    db.do("DELETE FROM log_tiles WHERE level = 0 AND tile = ?", tile)
    return one(Damage.TILE, tile * WIDTH)


@act
def _tile_cut(db: Vandal, _victim: Victim, chance: random.Random) -> Expected:
    width = _any(chance, first=1, last=40)
    db.do("UPDATE log_tiles SET hashes = substr(hashes, 1, ?) WHERE level = 0 AND tile = 1", width * 32)
    return one(Damage.TILE, WIDTH + width)


@act
def _tile_and_row_changed(db: Vandal, _victim: Victim, chance: random.Random) -> Expected:
    row, index = chance.sample(range(WIDTH), 2)
    db.do("UPDATE log_entries SET body = ? WHERE seq = ?", _other(db.body(row), chance), row)
    tile = bytes(db.do("SELECT hashes FROM log_tiles WHERE level = 0 AND tile = 0")[0][0])
    changed = tile[: index * 32] + chance.randbytes(32) + tile[index * 32 + 32 :]
    db.do("UPDATE log_tiles SET hashes = ? WHERE level = 0 AND tile = 0", changed)
    return Expected(frozenset({(Damage.ALTERED, row), (Damage.TILE, index)}))


def _size(victim: Victim, chance: random.Random) -> int:
    return chance.choice(victim.sizes)


@act
def _checkpoint_of_another_log(db: Vandal, victim: Victim, chance: random.Random) -> Expected:
    size = _size(victim, chance)
    signer = NoteSigner("other.example/log", STRANGER)
    db.set_note(size, str(Checkpoint(signer.name, size, chance.randbytes(32)).sign([signer])))
    return one(Damage.FOREIGN, size, more=_lost_last(victim, size))


@act
def _note_forged(db: Vandal, victim: Victim, chance: random.Random) -> Expected:
    size = _size(victim, chance)
    note = db.note(size)
    root = note.split("\n")[2]
    db.set_note(size, note.replace(root, "A" * 43 + "="))
    return one(Damage.BAD_SIGNATURE, size, more=_lost_last(victim, size))


@act
def _note_made_nonsense(db: Vandal, victim: Victim, chance: random.Random) -> Expected:
    size = _size(victim, chance)
    db.set_note(size, chance.choice(("", "x", db.note(size).replace("\n\n", "\n"), "a\r\nb\n\n— x y\n")))
    return one(Damage.BAD_SIGNATURE, size, more=_lost_last(victim, size))


@act
def _note_signed_by_a_key_outside_the_policy(db: Vandal, victim: Victim, chance: random.Random) -> Expected:
    size = _size(victim, chance)
    db.set_note(size, str(Checkpoint(ORIGIN, size, chance.randbytes(32)).sign([NoteSigner(ORIGIN, STRANGER)])))
    return one(Damage.UNKNOWN_KEY, size, more=_lost_last(victim, size))


@act
def _note_moved(db: Vandal, victim: Victim, chance: random.Random) -> Expected:
    size, other = chance.sample(victim.sizes[:-1], 2)
    db.set_note(size, db.note(other))
    return one(Damage.CHECKPOINT, size)


def _lost_last(victim: Victim, size: int) -> frozenset[Damage]:
    """Return what follows when the last checkpoint is not good: what lies behind the one before is unsigned."""
    return frozenset({Damage.UNSIGNED}) if size == victim.sizes[-1] else frozenset()


@act
def _cosignature_forged(db: Vandal, _victim: Victim, chance: random.Random) -> Expected:
    sizes = [row[0] for row in db.do("SELECT size FROM log_cosignatures")]
    size = chance.choice(sizes)
    text = Checkpoint(ORIGIN, size, chance.randbytes(32)).text
    db.do("UPDATE log_cosignatures SET line = ? WHERE size = ?", WITNESS.cosign(text, 1).line(), size)
    return one(Damage.BAD_SIGNATURE, size)


@act
def _cosignatures_deleted(db: Vandal, _victim: Victim, _chance: random.Random) -> Expected:
    db.do("DELETE FROM log_cosignatures")
    return one(Damage.UNWITNESSED, None)


@act
def _cosigned_checkpoint_deleted(db: Vandal, _victim: Victim, chance: random.Random) -> Expected:
    size = chance.choice([row[0] for row in db.do("SELECT size FROM log_cosignatures") if row[0] < SIZE])
    db.do("DELETE FROM log_checkpoints WHERE size = ?", size)
    return one(Damage.CHECKPOINT, size)


@act
def _head_changed(db: Vandal, _victim: Victim, chance: random.Random) -> Expected:
    size = _any(chance, first=1)
    db.do("UPDATE log_head SET size = ?", size)
    return one(Damage.CHECKPOINT, size)


@act
def _time_of_the_head_changed(db: Vandal, _victim: Victim, _chance: random.Random) -> Expected:
    db.do("UPDATE log_head SET at = '2020-01-01T00:00:00.000000Z'")
    return one(Damage.CHECKPOINT, SIZE - 1)


@act
def _tag_list_changed(db: Vandal, _victim: Victim, chance: random.Random) -> Expected:
    db.do("UPDATE log_tag_lists SET tags = ?", chance.randbytes(1600))
    return one(Damage.TAGS, MANY)


@act
def _search_index_changed(db: Vandal, _victim: Victim, chance: random.Random) -> Expected:
    index = _any(chance)
    db.do("UPDATE log_index SET link_grant = 'g-77' WHERE seq = ?", index)
    return one(Damage.INDEX, index)


@act
def _search_index_row_deleted(db: Vandal, _victim: Victim, chance: random.Random) -> Expected:
    index = _any(chance)
    db.do("DELETE FROM log_index WHERE seq = ?", index)
    return one(Damage.INDEX, index)


@act
def _search_index_row_invented(db: Vandal, _victim: Victim, chance: random.Random) -> Expected:
    index = chance.choice((SIZE, 2**40, -3))
    db.do("INSERT INTO log_index (seq, kind, at, outcome) VALUES (?, 'a.b', 'x', 'done')", index)
    return one(Damage.INDEX, index)


@act
def _tag_hidden_in_the_search_index(db: Vandal, _victim: Victim, _chance: random.Random) -> Expected:
    db.do("DELETE FROM log_tags")
    return one(Damage.INDEX, TAGGED)


@act
def _checkpoint_signed_again_with_the_stolen_key(db: Vandal, victim: Victim, chance: random.Random) -> Expected:
    size = chance.choice(victim.sizes[:-1])
    db.set_note(size, str(Checkpoint(ORIGIN, size, chance.randbytes(32)).sign(make_identity().signers)))
    db.do("DELETE FROM log_cosignatures WHERE size = ?", size)
    return one(Damage.FORKED, size)


@act
def _history_rewritten_with_the_stolen_key(db: Vandal, victim: Victim, chance: random.Random) -> Expected:
    index = _any(chance)
    body = _other(db.body(index), chance)
    db.do("UPDATE log_entries SET body = ?, leaf_hash = ? WHERE seq = ?", body, leaf_hash(body), index)
    later = [size for size in victim.sizes if size > index]
    db.rebuild(sign=later)
    db.do("DELETE FROM log_cosignatures WHERE size > ?", index)
    db.do("DELETE FROM log_index")  # the operator builds its own cache again: it is not what shows it
    kept = [size for size in _kept_sizes(victim) if size > index]
    return one(Damage.FORKED, *kept, witnessed=True)


@act
def _tail_cut_with_everything(db: Vandal, victim: Victim, chance: random.Random) -> Expected:
    # the witness saw every 60th entry: what is cut behind the last that it saw, nobody outside can know of
    count = chance.choice([size for size in victim.sizes if size < SIZE])
    db.do("DELETE FROM log_entries WHERE seq >= ?", count)
    for table in ("log_checkpoints", "log_cosignatures"):
        db.do(f"DELETE FROM {table} WHERE size > ?", count)
    db.do("DELETE FROM log_index WHERE seq >= ?", count)
    db.rebuild()
    at = db.body(count - 1).split(b'"at":"')[1].split(b'"')[0].decode()
    db.do("UPDATE log_head SET at = ?", at)
    return one(Damage.ROLLED_BACK, count, witnessed=True)


def _kept_sizes(victim: Victim) -> list[int]:
    return [int(note.split("\n")[1]) for note in victim.kept]
