"""``/v1/registry/posts``: principals and registrars, filed with the department above (Arts. 3, 48)."""

from __future__ import annotations

from typing import Literal, cast

from core_registry.office import NewPost, StaffDesk
from gateway.api.authentication import services
from gateway.api.blueprints import ApiBlueprint
from gateway.api.models import PostEndIn, PostFiledOut, PostIn, PostList, PostListIn, PostOut
from gateway.api.office.cases import RULE_REFUSED, actor
from gateway.errors import UnavailableError
from gateway.policies.decision import Action

blueprint = ApiBlueprint("posts", __name__, tag="Posts")


def staff() -> StaffDesk:
    """Return the desk of posts; raises ``UnavailableError`` on a face without it."""
    found = services().staff
    if found is None:
        raise UnavailableError("This face has no registry.", detail_zh="本端没有学籍库。")
    return found


@blueprint.get("/v1/registry/posts")
@blueprint.input(PostListIn, location="query")
@blueprint.output(PostList)
def list_posts(query_data: PostListIn) -> PostList:
    """List the principals and registrars of the caller's unit or of one right below it, present and past."""
    lines = staff().posts(query_data.unit, actor(Action.READ_CASES))
    return PostList(
        items=[
            PostOut(
                id=line.id,
                account=line.post.account,
                unit=line.post.unit,
                post=cast("Literal['registrar', 'head']", line.post.post),
                since=line.post.since,
                until=line.post.until,
                on_establishment=line.post.on_establishment,
                trained_on=line.post.trained_on,
                filed_on=line.post.filed_on,
                filed_with=line.filed_with,
                handed_over_to=line.handed_over_to,
            )
            for line in lines
        ]
    )


@blueprint.post("/v1/registry/posts")
@blueprint.input(PostIn)
@blueprint.output(PostFiledOut, status_code=201)
def file_post(json_data: PostIn) -> PostFiledOut:
    """File a post of a unit below the caller's: the superior department's act (A48-2)."""
    new = NewPost(
        json_data.account,
        json_data.unit,
        json_data.post,
        json_data.since,
        on_establishment=json_data.on_establishment,
        trained_on=json_data.trained_on,
    )
    filed = staff().file(new, actor(Action.HANDLE_CASES))
    return PostFiledOut(id=filed.id, too_many_changes=filed.too_many_changes)


@blueprint.post("/v1/registry/posts/<int:post_id>/end")
@blueprint.input(PostEndIn)
@blueprint.output({}, status_code=204)
@blueprint.answers(RULE_REFUSED)
def end_post(post_id: int, json_data: PostEndIn) -> str:
    """End a post; a registrar hands over to a successor (A48-4)."""
    staff().end(json_data.unit, post_id, json_data.until, json_data.handed_over_to, actor(Action.HANDLE_CASES))
    return ""
