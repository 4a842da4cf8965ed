"""``/v1/correction-orders``: orders to correct, for the body that answers them (Art. 51)."""

from __future__ import annotations

from gateway.api.authentication import principal, services
from gateway.api.blueprints import ApiBlueprint
from gateway.api.models.inspections import CorrectionAnswerIn, CorrectionOrderList, CorrectionOrderOut
from gateway.errors import UnavailableError
from gateway.inspections.ports import Orders
from gateway.inspections.records import CaseId
from gateway.policies.scope import civil_date

blueprint = ApiBlueprint("correction_orders", __name__, tag="Inspections")


@blueprint.get("/v1/correction-orders")
@blueprint.output(CorrectionOrderList)
def list_orders() -> CorrectionOrderList:
    """List the orders to the caller's own school, department or organisation, newest first."""
    today = civil_date(services().now())
    return CorrectionOrderList(items=[CorrectionOrderOut.of(one, today) for one in _desk().orders(principal())])


@blueprint.post("/v1/correction-orders/<case_id>/answer")
@blueprint.input(CorrectionAnswerIn)
@blueprint.output(CorrectionOrderOut)
def answer_order(case_id: str, json_data: CorrectionAnswerIn) -> CorrectionOrderOut:
    """Answer an order: what was corrected, and how."""
    view = _desk().answer(principal(), CaseId(case_id), json_data.text, version=json_data.version)
    return CorrectionOrderOut.of(view, civil_date(services().now()))


def _desk() -> Orders:
    found = services().orders
    if found is None:
        raise UnavailableError("This face has no orders to correct.", detail_zh="本端没有责令改正。")
    return found
