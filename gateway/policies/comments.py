"""Remarks of one side to the other on an application: added, never changed, and no version changes by them."""

from __future__ import annotations

from gateway.ids import ApplicationId
from gateway.journal import EntryDraft
from gateway.policies.acting import Acting
from gateway.policies.decision import Action
from gateway.policies.errors import ApplicationIncompleteError
from gateway.policies.records import Comment
from gateway.policies.screening import require_no_numbers
from gateway.policies.trail import application_links, stands_in
from gateway.principals import Principal

LONGEST = 2000
"""Characters of a comment."""


class Commenting(Acting):
    """Comments by the recipient's applicants and by the officers of the territory."""

    def comment(self, principal: Principal, application_id: ApplicationId, text: str) -> Comment:
        """Add a comment in any state; return it. The trail holds that one was made, never its text.

        Raises ``ApplicationIncompleteError`` for an empty or too long text, or one with a number of a person in it,
        ``ForbiddenError``, ``NotFoundError``.
        """
        application = self._application(application_id)
        with self._refusals(principal, Action.COMMENT_APPLICATION, application_links(application), application):
            decision = self._require(principal, Action.COMMENT_APPLICATION, application)
            said = text.strip()
            if not 1 <= len(said) <= LONGEST:
                raise ApplicationIncompleteError(
                    f"Write a comment of 1 to {LONGEST} characters.",
                    detail_zh=f"请填写留言，不超过 {LONGEST} 字。",
                    missing=("text",),
                )
            require_no_numbers({"text": said})
        comment = Comment(
            at=self._now(),
            account=principal.account,
            post=principal.post,
            side="office" if principal.unit is not None else "recipient",
            text=said,
            on_behalf=principal.on_behalf,
        )
        self._journal.record(
            lambda tx: self._store.insert_comment(tx, application.id, comment),
            EntryDraft(
                "application.commented",
                principal,
                facts={
                    "characters": len(said),
                    "side": comment.side,
                    "state": application.state.value,
                    **stands_in(principal),
                },
                links=application_links(application),
                policy=decision.policy,
            ),
        )
        return comment

    def comments(self, principal: Principal, application_id: ApplicationId) -> tuple[Comment, ...]:
        """Return the comments of an application that the principal may read, the oldest first."""
        application = self.get(principal, application_id)
        return self._reader.read(lambda tx: self._store.comments(tx, application.id))
