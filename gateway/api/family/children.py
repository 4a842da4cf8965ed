"""``/v1/family/children``: the own children, who saw their data (谁看过我的孩子), and the family's questions."""

from __future__ import annotations

from gateway.accesses.ports import AccessDesk
from gateway.accesses.records import Access, AccessPage, Question, Words
from gateway.api.authentication import services
from gateway.api.blueprints import ApiBlueprint
from gateway.api.family.doors import caller, families, member
from gateway.api.models.family import (
    AccessList,
    AccessListIn,
    AccessOut,
    AccessQuestionIn,
    AccessQuestionList,
    AccessQuestionOut,
    AskedOut,
    ChildList,
    ChildOut,
    WordsOut,
)
from gateway.errors import UnavailableError
from gateway.policies.scope import civil_date

blueprint = ApiBlueprint("family_children", __name__, tag="Families")


@blueprint.get("/v1/family/children")
@blueprint.output(ChildList)
def list_children() -> ChildList:
    """List the pupils whom the account may see, with what it may do for each now."""
    return ChildList(items=[ChildOut.of(one) for one in families().members(caller().account)])


@blueprint.get("/v1/family/children/<bond_id>/accesses")
@blueprint.input(AccessListIn, location="query")
@blueprint.output(AccessList)
def list_accesses(bond_id: str, query_data: AccessListIn) -> AccessList:
    """List who saw or got something of the pupil, newest first; the look is recorded."""
    found = _page(bond_id, query_data.before)
    return AccessList(items=[_access(one) for one in found.accesses], before=found.before)


@blueprint.get("/v1/family/children/<bond_id>/questions")
@blueprint.output(AccessQuestionList)
def list_questions(bond_id: str) -> AccessQuestionList:
    """List what the account asked about the pupil's data, with the answers."""
    today = civil_date(services().now())
    found = _page(bond_id, None).questions
    return AccessQuestionList(items=[_question(one, late=one.late(today)) for one in found])


@blueprint.post("/v1/family/children/<bond_id>/questions")
@blueprint.input(AccessQuestionIn)
@blueprint.answers({409: {"description": "No such line, or as many questions wait as may wait"}})
@blueprint.output(AskedOut, status_code=201)
def ask(bond_id: str, json_data: AccessQuestionIn) -> AskedOut:
    """Ask about the accesses, or about one of them; the department that manages the pupil's school answers."""
    who = caller()
    subject = member(who, bond_id).child.subject_ref
    return AskedOut(asked_at=_desk().ask(who, subject, json_data.text, json_data.entry))


def _page(bond_id: str, before: int | None) -> AccessPage:
    who = caller()
    return _desk().page(who, member(who, bond_id).child.subject_ref, before)


def _desk() -> AccessDesk:
    found = services().accesses
    if found is None:
        raise UnavailableError("No family signs in at this face.", detail_zh="本端不提供家庭账号服务。")
    return found


def _access(one: Access) -> AccessOut:
    return AccessOut(
        entry=one.index,
        at=one.at,
        sort=one.sort.value,
        body=one.body,
        post=one.post,
        purpose=_words(one.purpose),
        what=[_words(words) for words in one.what],
        ground=one.ground,
        delivered=one.delivered,
    )


def _question(one: Question, *, late: bool) -> AccessQuestionOut:
    return AccessQuestionOut(
        id=one.id,
        entry=one.entry,
        unit=one.unit,
        asked_at=one.asked_at,
        due=one.due,
        late=late,
        text=one.text,
        answer=one.answer or None,
        answered_at=one.answered_at,
    )


def _words(words: Words) -> WordsOut:
    return WordsOut(zh=words.zh, en=words.en)
