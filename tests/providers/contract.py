"""What every fax provider must keep. A provider's tests inherit `ProviderContract` and bring a `World`."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from provider_world import NOW, NUMBER, PDF, REFERENCE, REQUEST, World

from gateway.core.model import Attempt, AttemptState, Found, Phase, Verdict
from gateway.core.reasons import (
    AccountError,
    AmbiguousError,
    GatewayError,
    NotSentError,
    PermanentError,
    Reason,
    TemporaryError,
)
from gateway.providers.base import BadEventError, NoDocumentError, UnknownFaxError


def attempt(hinted_fax_id: str | None = None) -> Attempt:
    return Attempt(REFERENCE, "F-7K3M9QX2", 1, AttemptState.OPEN, "main", NOW, hinted_fax_id=hinted_fax_id)


class ProviderContract:
    """Inherit, and define the fixture `world`."""

    # --- who it is ---

    def test_an_account_is_who_it_is_at_the_provider(self, world: World) -> None:
        """By this a renamed account is known again."""
        assert world.provider.identity
        assert world.impatient_provider().identity == world.provider.identity
        assert world.provider.account not in world.provider.identity.split()

    # --- submit ---

    async def test_an_accepted_fax_has_an_id_and_arrives_as_ordered(self, world: World) -> None:
        fax_id = await world.provider.submit(REQUEST)
        [sent] = world.submissions()
        assert (sent.reference, sent.number, sent.document) == (REFERENCE, NUMBER, PDF)
        assert (await world.provider.report(fax_id)).references == {REFERENCE}

    async def test_one_submission_is_one_call(self, world: World) -> None:
        """The provider's own redialling is off: causes, pauses and the total of calls are ours."""
        await world.provider.submit(REQUEST)
        assert [sent.calls for sent in world.submissions()] == [1]

    async def test_each_submission_has_a_connection_of_its_own(self, world: World) -> None:
        """A pooled connection may be dead without showing it, and nobody knows what became of the request."""
        await world.provider.submit(REQUEST)
        await world.provider.submit(REQUEST)
        assert len({sent.connection for sent in world.submissions()}) == 2

    async def test_a_large_document_is_handed_over(self, world: World) -> None:
        large = PDF + bytes(5 * 1024**2)
        await world.provider.submit(replace(REQUEST, document=large))
        assert world.submissions()[0].document == large

    async def test_a_refused_connection_proves_that_nothing_was_sent(self, world: World) -> None:
        await world.will_refuse_connections()
        with pytest.raises(NotSentError) as caught:
            await world.provider.submit(REQUEST)
        assert caught.value.reason is Reason.PROVIDER_DOWN

    async def test_too_many_requests_proves_that_nothing_was_accepted(self, world: World) -> None:
        world.will_answer(429, headers={"Retry-After": "90"})
        with pytest.raises(NotSentError) as caught:
            await world.provider.submit(REQUEST)
        assert caught.value.reason is Reason.PROVIDER_DOWN
        assert caught.value.retry_after == timedelta(seconds=90)

    async def test_a_wait_until_a_date_is_honoured(self, world: World) -> None:
        world.will_answer(429, headers={"Retry-After": "Fri, 20 Nov 2026 09:17:00 GMT"})
        with pytest.raises(NotSentError) as caught:
            await world.provider.submit(REQUEST)
        assert caught.value.retry_after == timedelta(minutes=2)

    @pytest.mark.parametrize("fault", ["will_drop_the_answer", "will_cut_the_request", "will_tear_the_answer"])
    async def test_a_lost_answer_is_ambiguous_and_nothing_is_repeated(self, world: World, fault: str) -> None:
        getattr(world, fault)()
        with pytest.raises(AmbiguousError):
            await world.provider.submit(REQUEST)
        assert len(world.submissions()) <= 1

    async def test_no_answer_in_time_is_ambiguous(self, world: World) -> None:
        provider = world.impatient_provider()
        world.will_hang()
        with pytest.raises(AmbiguousError):
            await provider.submit(REQUEST)
        assert len(world.submissions()) == 1

    async def test_success_without_an_id_is_ambiguous(self, world: World) -> None:
        world.will_accept_without_an_id()
        with pytest.raises(AmbiguousError):
            await world.provider.submit(REQUEST)

    @pytest.mark.parametrize("status", [302, 408, 409, 425, 500, 502, 503, 504, 599])
    async def test_statuses_that_leave_it_open_are_ambiguous(self, world: World, status: int) -> None:
        world.will_answer(status, b"<html>oops</html>", {"Location": "/elsewhere"})
        with pytest.raises(AmbiguousError):
            await world.provider.submit(REQUEST)

    @pytest.mark.parametrize(
        ("status", "reason"),
        [(401, Reason.PROVIDER_AUTH), (402, Reason.OUT_OF_CREDIT), (403, Reason.PROVIDER_AUTH)],
    )
    async def test_trouble_with_the_account_is_no_fault_of_the_fax(
        self, world: World, status: int, reason: Reason
    ) -> None:
        world.will_answer(status)
        with pytest.raises(AccountError) as caught:
            await world.provider.submit(REQUEST)
        assert caught.value.reason is reason

    @pytest.mark.parametrize(
        ("status", "reason"),
        [(400, Reason.OTHER), (413, Reason.TOO_BIG), (415, Reason.UNSUPPORTED_TYPE)],
    )
    async def test_a_refusal_is_final_and_its_words_are_kept(self, world: World, status: int, reason: Reason) -> None:
        world.will_answer(status, b"<html>\n  no, thank you </html>")
        with pytest.raises(PermanentError) as caught:
            await world.provider.submit(REQUEST)
        assert caught.value.reason is reason
        assert str(status) in caught.value.detail
        assert "no, thank you" in caught.value.detail

    # --- find ---

    async def test_a_fax_with_our_reference_is_found(self, world: World) -> None:
        world.has_sent("F-OTHER-1", NOW)
        fax_id = world.has_sent(REFERENCE, NOW + timedelta(seconds=1))
        assert await self.search(world) == Found(Verdict.FOUND, fax_id)

    async def test_what_was_accepted_although_the_answer_was_lost_is_found(self, world: World) -> None:
        world.will_drop_the_answer()
        with pytest.raises(AmbiguousError):
            await world.provider.submit(REQUEST)
        assert (await self.search(world)).verdict is Verdict.FOUND

    async def test_absence_is_told_only_of_a_list_that_shows_something_newer(self, world: World) -> None:
        world.has_sent("F-EARLIER-1", NOW + timedelta(minutes=6))
        assert await self.search(world) == Found(Verdict.CANNOT_TELL)
        world.has_sent("F-LATER-1", NOW + timedelta(minutes=6, seconds=1), number="+13125550177")
        assert await self.search(world) == Found(Verdict.NOT_THERE)

    async def test_a_received_fax_does_not_prove_that_the_list_of_sent_ones_is_fresh(self, world: World) -> None:
        world.has_received(NOW + timedelta(hours=1))
        assert await self.search(world) == Found(Verdict.CANNOT_TELL)

    async def test_a_reference_that_only_begins_like_ours_is_not_ours(self, world: World) -> None:
        world.has_sent(f"{REFERENCE}1", NOW + timedelta(hours=1))
        assert (await self.search(world)).verdict is Verdict.NOT_THERE

    async def test_of_several_the_oldest_that_did_not_fail_is_taken_and_the_others_named(self, world: World) -> None:
        failed = world.has_sent(REFERENCE, NOW, phase=Phase.FAILED)
        newer = world.has_sent(REFERENCE, NOW + timedelta(minutes=2))
        older = world.has_sent(REFERENCE, NOW + timedelta(minutes=1), phase=Phase.DELIVERED)
        found = await self.search(world)
        assert (found.verdict, found.provider_fax_id) == (Verdict.FOUND, older)
        assert set(found.others) == {failed, newer}

    async def test_a_hint_is_believed_when_the_fax_carries_our_reference(self, world: World) -> None:
        fax_id = world.has_sent(REFERENCE, NOW)
        found = await world.provider.find(attempt(fax_id), NUMBER, NOW + timedelta(minutes=6))
        assert found == Found(Verdict.FOUND, fax_id)

    async def test_a_hint_to_a_stranger_or_to_nothing_is_not_believed(self, world: World) -> None:
        stranger = world.has_sent("F-OTHER-1", NOW)
        for hint in (stranger, stranger[:-1] + "0"):
            found = await world.provider.find(attempt(hint), NUMBER, NOW + timedelta(minutes=6))
            assert found == Found(Verdict.CANNOT_TELL)

    async def test_a_marker_makes_absence_provable_or_costs_nothing(self, world: World) -> None:
        await world.provider.send_marker("K-1")
        for marker in world.submissions():
            assert marker.reference == "K-1"
            assert marker.document.startswith(b"%PDF-")

    @pytest.mark.parametrize("status", [400, 404, 429, 500])
    async def test_a_failed_search_tells_nothing(self, world: World, status: int) -> None:
        world.has_sent("F-LATER-1", NOW + timedelta(hours=1))
        world.will_answer(status)
        with pytest.raises(TemporaryError):
            await self.search(world)

    async def test_a_list_that_is_no_list_tells_nothing(self, world: World) -> None:
        for rubbish in (b"", b"{}", b"<html>login</html>", b'{"faxes": {}}', b"null"):
            world.will_answer(200, rubbish)
            with pytest.raises(TemporaryError):
                await self.search(world)

    async def search(self, world: World) -> Found:
        return await world.provider.find(attempt(), NUMBER, NOW + timedelta(minutes=6))

    # --- report ---

    @pytest.mark.parametrize("phase", list(Phase))
    async def test_a_report_tells_the_phase(self, world: World, phase: Phase) -> None:
        fax_id = world.has_sent(REFERENCE, NOW, phase=phase)
        report = await world.provider.report(fax_id)
        assert (report.provider_fax_id, report.phase, report.inbound) == (fax_id, phase, False)
        assert report.number == NUMBER
        assert report.created_at == NOW
        assert (report.reason is Reason.DELIVERED) == (phase is Phase.DELIVERED)
        assert (report.reason is None) == (phase is Phase.WAITING)
        assert report.raw

    async def test_a_report_of_a_received_fax_says_whose_it_is(self, world: World) -> None:
        ours = await world.provider.report(world.has_received(NOW))
        foreign = await world.provider.report(world.has_received(NOW, ours=False))
        assert ours.inbound
        assert ours.has_document
        assert world.provider.serves(ours)
        assert not world.provider.serves(foreign)

    async def test_an_unknown_fax_is_named_as_such(self, world: World) -> None:
        with pytest.raises(UnknownFaxError):
            await world.provider.report(world.has_sent(REFERENCE, NOW)[:-1] + "0")

    @pytest.mark.parametrize("status", [302, 400, 429, 500, 503])
    async def test_what_cannot_be_asked_now_is_asked_later(self, world: World, status: int) -> None:
        fax_id = world.has_sent(REFERENCE, NOW)
        world.will_answer(status, headers={"Retry-After": "7"})
        with pytest.raises(TemporaryError):
            await world.provider.report(fax_id)

    @pytest.mark.parametrize("status", [401, 402, 403])
    async def test_questions_too_notice_account_trouble(self, world: World, status: int) -> None:
        fax_id = world.has_sent(REFERENCE, NOW)
        world.will_answer(status)
        with pytest.raises(AccountError):
            await world.provider.report(fax_id)

    @pytest.mark.parametrize("fault", ["will_drop_the_answer", "will_tear_the_answer"])
    async def test_a_lost_answer_to_a_question_is_temporary(self, world: World, fault: str) -> None:
        fax_id = world.has_sent(REFERENCE, NOW)
        for _ in range(2):  # a question may be repeated once by the HTTP library
            getattr(world, fault)()
        with pytest.raises(TemporaryError):
            await world.provider.report(fax_id)

    async def test_a_hanging_question_is_temporary(self, world: World) -> None:
        fax_id = world.has_sent(REFERENCE, NOW)
        provider = world.impatient_provider()
        world.will_hang()
        with pytest.raises(TemporaryError):
            await provider.report(fax_id)

    async def test_an_answer_that_is_no_fax_is_temporary(self, world: World) -> None:
        fax_id = world.has_sent(REFERENCE, NOW)
        # An empty list would be an answer to a provider that is asked for several faxes at once.
        for rubbish in (b"", b"[{}]", b"<html>login</html>", b"{}", b"\xff\xfe"):
            world.will_answer(200, rubbish)
            with pytest.raises(TemporaryError):
                await world.provider.report(fax_id)

    # --- fetch_document ---

    async def test_the_document_comes_byte_for_byte(self, world: World) -> None:
        assert await world.provider.fetch_document(world.has_received(NOW)) == PDF

    async def test_no_document_and_no_fax_are_told_apart(self, world: World) -> None:
        known = world.has_received(NOW, document=None)
        with pytest.raises(NoDocumentError):
            await world.provider.fetch_document(known)
        with pytest.raises(UnknownFaxError):
            await world.provider.fetch_document(known[:-1] + "0")

    @pytest.mark.parametrize("body", [b"", b"<html>please log in</html>"])
    async def test_what_is_no_document_is_not_taken_for_one(self, world: World, body: bytes) -> None:
        fax_id = world.has_received(NOW)
        world.will_answer(200, body)
        with pytest.raises(TemporaryError):
            await world.provider.fetch_document(fax_id)

    async def test_half_a_document_is_none(self, world: World) -> None:
        fax_id = world.has_received(NOW)
        world.will_tear_the_answer()
        with pytest.raises(TemporaryError):
            await world.provider.fetch_document(fax_id)

    # --- list_inbound ---

    async def test_the_list_has_our_received_faxes_since_then_and_no_others(self, world: World) -> None:
        world.has_received(NOW - timedelta(seconds=1))
        world.has_received(NOW, ours=False)
        world.has_sent(REFERENCE, NOW)
        expected = {world.has_received(NOW), world.has_received(NOW + timedelta(minutes=1), document=None)}
        listed = [report async for report in world.provider.list_inbound(NOW)]
        assert {report.provider_fax_id for report in listed} == expected
        assert all(report.inbound and world.provider.serves(report) for report in listed)

    async def test_every_page_of_the_list_is_read(self, world: World) -> None:
        expected = {world.has_received(NOW + timedelta(seconds=n)) for n in range(2300)}
        listed = [report.provider_fax_id async for report in world.provider.list_inbound(NOW)]
        assert set(listed) == expected
        assert len(listed) == len(expected)

    async def test_a_broken_list_is_temporary(self, world: World) -> None:
        world.will_answer(500)
        with pytest.raises(TemporaryError):
            _ = [report async for report in world.provider.list_inbound(NOW)]

    # --- webhooks ---

    async def test_an_event_of_a_sent_fax_names_fax_and_reference(self, world: World) -> None:
        fax_id = world.has_sent(REFERENCE, NOW, phase=Phase.DELIVERED)
        [event] = world.provider.parse_webhook(*world.event_of(fax_id))
        assert (event.provider_fax_id, event.inbound) == (fax_id, False)
        assert event.reference in (REFERENCE, None)

    async def test_an_event_of_a_received_fax_brings_its_document_if_it_has_one(self, world: World) -> None:
        for document in (PDF, None):
            fax_id = world.has_received(NOW, document=document)
            [event] = world.provider.parse_webhook(*world.event_of(fax_id))
            assert (event.provider_fax_id, event.inbound) == (fax_id, True)
            assert event.document in (document, None)

    async def test_rubbish_is_no_event(self, world: World) -> None:
        content_type, body = world.event_of(world.has_received(NOW))
        for rubbish in (b"", b"\x00" * 100, b"hello", b"[]", b"{}", body[: len(body) // 3]):
            with pytest.raises(BadEventError):
                world.provider.parse_webhook(content_type, rubbish)

    async def test_only_the_right_credentials_are_authentic(self, world: World) -> None:
        """Webhooks without any credentials are let in only where the provider's never have one; their URL is secret."""
        good = world.webhook_headers()
        assert world.provider.authentic(good)
        assert world.provider.authentic({}) == (not good)
        for name, value in good.items():
            for wrong in (value[:-1], f"{value}x", value[::-1], "", value.encode().hex()):
                assert not world.provider.authentic({**good, name: wrong})

    # --- whole ---

    async def test_closing_twice_is_harmless(self, world: World) -> None:
        await world.provider.submit(REQUEST)
        await world.provider.close()
        await world.provider.close()

    async def test_every_failure_of_a_submission_has_a_reason(self, world: World) -> None:
        for status in (*range(300, 401), *range(402, 600)):  # 401 has a test above; a login may rest after it
            world.will_answer(status, b'{"message": "no"}')
            with pytest.raises(GatewayError) as caught:
                await world.provider.submit(REQUEST)
            assert type(caught.value) in (NotSentError, AccountError, PermanentError, AmbiguousError)
            assert str(status) in caught.value.detail
