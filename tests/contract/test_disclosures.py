"""The register of what was handed over outside the system (线下提供), on both databases, with the real audit trail."""

from __future__ import annotations

from datetime import date

import pytest

from gateway.errors import ConflictError, ForbiddenError, NotFoundError
from gateway.ids import AccountId
from gateway.policies.disclosures import DeliveryForm, Pupils
from gateway.policies.errors import (
    DisclosureRefusedError,
)
from gateway.principals import Role
from tests.factories import grounds as given
from tests.factories import policies as make
from tests.factories.grounds import GroundHouse

house, lite = given.on_both, given.on_sqlite


@pytest.mark.rule("A50-8")
def test_a_disclosure_is_registered_and_a_correction_is_an_entry_of_its_own(house: GroundHouse) -> None:
    officer = make.data_officer()
    first = house.disclosures.register(officer, given.disclosure())
    assert first.content.document_number == "示公（刑）调证字[2026]12号"
    entry = house.entries()[-1]
    assert entry["kind"] == "disclosure.registered"
    assert entry["facts"]["fields"] == ["id_number", "name", "school_name"]
    assert entry["links"]["approver"] == "示例局分管副局长"
    corrected = given.disclosure(corrects=first.id, correction_reason="人数有误", pupils=Pupils.FEW)
    second = house.disclosures.register(make.data_officer("confirmer"), corrected)
    listed = {one.id: one for one in house.disclosures.list(make.approver())}
    assert listed[first.id].corrected_by == second.id
    assert listed[first.id].content.pupils is Pupils.ONE
    assert listed[second.id].corrected_by is None
    with pytest.raises(ConflictError):
        house.disclosures.register(officer, corrected)


@pytest.mark.rule("A50-8")
@pytest.mark.parametrize(
    ("changes", "missing"),
    [
        ({"law": ""}, "law"),
        ({"article": " "}, "article"),
        ({"law_kind": "notice"}, "law_kind"),
        ({"law": "关于做好数据共享工作的通知"}, "law_kind"),
        ({"legal_basis": "nothing"}, "legal_basis"),
        ({"requesting_body": ""}, "requesting_body"),
        ({"recipient": ""}, "recipient"),
        ({"executor": ""}, "executor"),
        ({"approver": ""}, "approver"),
        ({"approver_account": AccountId("st-nobody")}, "approver_account"),
        ({"approver_account": AccountId("st-far")}, "approver_account"),
        ({"approver_account": AccountId("st-recorder")}, "approver_account"),
        ({"fields": ()}, "fields"),
        ({"fields": ("name", "shoe_size")}, "fields"),
        ({"handed_over_on": date(2026, 3, 3)}, "handed_over_on"),
        ({"document_number": ""}, "document_number"),
        ({"document_number": "示公〔2026〕140105199001011234号"}, "document_number"),
        ({"remarks": "身份证号 1401 0519 9001 0112 34"}, "remarks"),
        ({"remarks": "电话 138-0000-0000"}, "remarks"),
        ({"remarks": "学籍号 Ｇ１４０１０５２０１２０１０１１２３４"}, "remarks"),
        ({"recipient": "民警 13800000000"}, "recipient"),
        ({"corrects": "dc-none", "correction_reason": ""}, "correction_reason"),
    ],
)
def test_an_entry_that_lacks_a_part_or_says_too_much_is_refused(
    lite: GroundHouse, changes: dict[str, object], missing: str
) -> None:
    with pytest.raises(DisclosureRefusedError) as refusal:
        lite.disclosures.register(make.data_officer(), given.disclosure(**changes))
    assert refusal.value.missing == (missing,)
    assert refusal.value.detail_zh.startswith("登记未通过")
    assert lite.kinds() == ["ground.refused_act"]
    assert "1380" not in str(lite.entries())


def test_dates_and_short_numbers_in_remarks_are_no_numbers_of_persons(lite: GroundHouse) -> None:
    remarks = "2026-02-27 下午由 2 人到场，卷宗 3 页，期限至2026年3月15日"
    done = lite.disclosures.register(
        make.data_officer(), given.disclosure(remarks=remarks, delivery_form=DeliveryForm.READ_ON_SITE)
    )
    assert done.content.remarks == remarks


def test_an_approving_officer_of_the_territory_may_be_named_by_account(house: GroundHouse) -> None:
    county = make.data_officer(unit=make.COUNTY)
    done = house.disclosures.register(county, given.disclosure(approver="", approver_account=AccountId("st-approver")))
    assert house.entries()[-1]["links"]["approver"] == "st-approver"
    assert house.disclosures.get(make.approver(), done.id).unit == make.COUNTY


def test_a_law_of_the_catalogue_fills_the_names_in(lite: GroundHouse) -> None:
    done = lite.disclosures.register(
        make.data_officer(), given.disclosure(law="", article="", legal_basis="vaccine-48")
    )
    assert (done.content.law, done.content.article) == ("中华人民共和国疫苗管理法", "第四十八条")


def test_the_register_is_read_in_the_own_territory_and_by_inspectors_everywhere(house: GroundHouse) -> None:
    one = house.disclosures.register(make.data_officer(unit=make.COUNTY), given.disclosure())
    assert [entry.id for entry in house.disclosures.list(make.approver())] == [one.id]
    assert house.entries()[-1]["kind"] == "disclosure.read"
    far = make.data_officer(unit=make.OTHER_CITY)
    assert house.disclosures.list(far) == ()
    with pytest.raises(NotFoundError):
        house.disclosures.get(far, one.id)
    inspector = make.staff("inspector", Role.INSPECTOR, unit=make.OTHER_CITY)
    assert [entry.id for entry in house.disclosures.list(inspector)] == [one.id]
    for nobody in (make.applicant(), make.executor(), make.staff("sec", Role.SECURITY_ADMINISTRATOR)):
        with pytest.raises(ForbiddenError):
            house.disclosures.list(nobody)
        with pytest.raises(ForbiddenError):
            house.disclosures.register(nobody, given.disclosure())
    with pytest.raises(NotFoundError):
        house.disclosures.register(far, given.disclosure(corrects=one.id, correction_reason="不是本单位的"))
