"""Reconcile changes only what is ours, adds before it removes, proves the result, and tells the operator once."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from email import message_from_bytes, policy

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from gateway import faxlog
from gateway.core.mappings import Kind, Pair, Plan
from gateway.core.model import Carrier, Permission, Route, Sender
from gateway.core.numbers import mask
from gateway.reconcile import Applied, ManyRemovalsError, PlanChangedError, Reconcile, UnreadableError
from gateway.store import mappings
from gateway.store.schema import journal
from tests.fakes import OPERATOR, FakeProvider, Gateway
from tests.mapping_world import ACCOUNT, WEBHOOK, Fault, KilledError, MappingWorld, MortalStore, known_receivers

SEND, RECEIVE, BOTH = Permission.SEND, Permission.RECEIVE, Permission.BOTH
EAST, WEST = "EAST", "WEST"
FIRST, SECOND, THIRD, NOBODYS = "+12025550100", "+12025550101", "+12025550102", "+12025550199"
ANA, BEN, CY = "ana@clinic.example", "ben@clinic.example", "cy@clinic.example"
READING = ("list", "read")
OURS = f"https://fax.example/{ACCOUNT}"

Wanted = dict[tuple[str, str], Permission]


@dataclass
class Site:
    """A gateway with an account at a provider that keeps mappings; a second one where a test needs it."""

    gateway: Gateway
    wanted: Wanted = field(default_factory=dict)
    mode: str = "report"
    pauses: list[float] = field(default_factory=list)
    progress: list[tuple[int, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.store = MortalStore(self.gateway.database)
        self.world = MappingWorld({FIRST: EAST, SECOND: EAST, THIRD: WEST}, (EAST, WEST), self.store.owned)
        self.world.webhooks = {EAST: (OURS, "first"), WEST: (OURS, "first")}
        self.providers: dict[str, object] = {ACCOUNT: self.world}

    def with_second_account(self) -> MappingWorld:
        """Another account, with a number of its own."""
        other = MappingWorld({NOBODYS: "FAR"}, ("FAR",), self.store.owned, account="other")
        other.webhooks = {"FAR": ("https://fax.example/other", "first")}
        self.providers["other"] = other
        return other

    def reconcile(self) -> Reconcile:
        receiving = [(number, address) for (address, number), held in self.wanted.items() if held.receives]
        sending = [(number, address) for (address, number), held in self.wanted.items() if held.sends]
        return Reconcile(
            store=self.store,
            providers=self.providers,
            routes=[Route(number, (address,), Carrier.PROVIDER) for number, address in receiving],
            senders=[Sender(address, number, "C", "UTC", ACCOUNT, Carrier.BOTH) for number, address in sending],
            mode=self.mode,
            webhook_url=lambda account: f"https://fax.example/{account}",
            outcomes=self.gateway.outcomes,
            clock=self.gateway.clock,
            sleep=self._sleep,
        )

    async def _sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)

    async def run(self, mode: str = "report", **later: float) -> None:
        """One turn of the chore, some time later, in a new process."""
        self.gateway.clock.advance(**later or {"hours": 1})
        self.mode = mode
        await self.reconcile().run()
        await self.gateway.run_until_idle()

    async def plan(self) -> Plan:
        return await self.reconcile().plan()

    async def apply(self, *, remove_many: bool = False) -> Applied:
        """Plans and applies that plan."""
        plan = await self.plan()
        self.world.requests.clear()
        self.gateway.clock.advance(minutes=1)
        return await self.reconcile().apply(
            plan.digest, remove_many=remove_many, progress=lambda *at: self.progress.append(at)
        )

    async def has_ours(self, table: Wanted) -> None:
        """The provider has exactly these mappings, all of them made by us."""
        self.wanted = table
        assert (await self.apply(remove_many=True)).proven
        self.world.requests.clear()

    def befalls(self, *faults: Fault) -> None:
        """The next requests about single addresses and settings go like this."""
        self.world.faults = iter(faults)

    @property
    def table(self) -> Wanted:
        """What is at the provider."""
        return {(pair.address, pair.number): held for pair, held in self.world.pairs.items()}

    @property
    def changes(self) -> list[str]:
        """The requests that were to change something, in their order."""
        return [f"{verb} {what or service}" for verb, service, what in self.world.requests if verb not in READING]

    @property
    def told(self) -> list[str]:
        """The mails to the operator, as they are read."""
        mails = self.gateway.next_hop.to(OPERATOR)
        return [message_from_bytes(mail.content, policy=policy.default).get_content() for mail in mails]

    @property
    def told_of_drift(self) -> list[str]:
        """The mails to the operator but for those that list what was mended."""
        return [mail for mail in self.told if "were mended" not in mail]

    async def noted(self, event: str) -> list[str]:
        """What the journal says of an event."""
        query = sa.select(journal.c.detail).where(journal.c.event == event).order_by(journal.c.seq)
        return await self.store.read(lambda tx: list(tx.execute(query).scalars()))


@pytest.fixture
def site(gateway: Gateway) -> Site:
    return Site(gateway)


async def drift_metric(kind: str, account: str = ACCOUNT) -> float | None:
    return faxlog.registry.get_sample_value("faxgw_mapping_drift", {"account": account, "kind": kind})


# --- modes ----------------------------------------------------------------------------------------------------------


async def test_off_asks_nobody_and_tells_nothing(site: Site) -> None:
    site.wanted = {(ANA, FIRST): RECEIVE}
    await site.run("off")
    assert (site.world.requests, site.told) == ([], [])


async def test_report_changes_nothing_and_tells_each_drift_and_its_end_once(site: Site) -> None:
    site.wanted = {(ANA, FIRST): RECEIVE}
    await site.run("report")
    await site.run("report")
    assert site.table == {}
    [mail] = site.told
    assert "Mappings of sinch are not as configured." in mail
    assert f'{ANA} with {FIRST}: "receive" is missing' in mail
    assert await drift_metric("created") == 1

    site.wanted[BEN, FIRST] = SEND
    await site.run("report")
    await site.run("report")
    assert len(site.told) == 2

    site.wanted = {}
    await site.run("report")
    await site.run("report")
    assert len(site.told) == 3
    assert "are as configured again" in site.told[-1]
    assert await drift_metric("created") == 0

    site.wanted = {(ANA, FIRST): RECEIVE}
    await site.run("report")
    assert len(site.told) == 4  # the same drift, back again, is news again


async def test_enforce_makes_it_so_and_tells_once_what_it_changed(site: Site) -> None:
    site.wanted = {(ANA, FIRST): BOTH, (BEN, THIRD): RECEIVE}
    with capture_logs() as logged:
        await site.run("enforce")
        await site.run("enforce")
    assert site.table == site.wanted
    changes = [line for line in logged if line["event"] == "mapping created"]
    assert [(line["number"], line["account"]) for line in changes] == [(mask(FIRST), ACCOUNT), (mask(THIRD), ACCOUNT)]
    assert ANA not in str(logged)
    [mail] = site.told
    assert f"sinch: mapping created: {ANA} with {FIRST}" in mail
    assert f"sinch: mapping created: {BEN} with {THIRD}" in mail
    assert await site.noted("mapping created") == [f"{ANA} with {FIRST}", f"{BEN} with {THIRD}"]


async def test_enforce_tells_what_it_must_not_change_and_does_the_rest(site: Site) -> None:
    await site.world.stranger_sets(ANA, FIRST, SEND)
    site.wanted = {(ANA, FIRST): BOTH, (BEN, FIRST): RECEIVE}
    await site.run("enforce")
    await site.run("enforce")
    assert site.table == {(ANA, FIRST): SEND, (BEN, FIRST): RECEIVE}
    [mail] = site.told_of_drift
    assert f'{ANA} with {FIRST}: "send", made by somebody else, instead of "both"' in mail
    assert BEN not in mail


async def test_enforce_does_nothing_that_looks_like_a_mistake(site: Site) -> None:
    table = {(f"a{index}@clinic.example", FIRST): RECEIVE for index in range(3)}
    await site.has_ours(table)
    site.wanted = {(CY, FIRST): RECEIVE}
    await site.run("enforce")
    assert site.table == table
    [mail] = site.told
    assert "3 of the 3 mappings under our care in the account sinch would be removed or allow less" in mail


async def test_enforce_says_why_a_change_could_not_be_made(site: Site) -> None:
    site.wanted = {(ANA, FIRST): RECEIVE}
    site.befalls(Fault.NONE, Fault.REFUSED)
    await site.run("enforce")
    [mail] = site.told
    assert f'{ANA} with {FIRST}: "receive" is missing (422)' in mail
    await site.run("enforce")
    assert "are as configured again" in site.told_of_drift[-1]


async def test_a_long_drift_is_told_in_a_short_mail(site: Site) -> None:
    site.wanted = {(f"a{index}@clinic.example", FIRST): RECEIVE for index in range(500)}
    await site.run("report")
    [mail] = site.told
    assert "more" in mail
    assert len(mail.splitlines()) < 40


async def test_no_address_and_no_whole_number_is_logged(site: Site) -> None:
    site.wanted = {(ANA, FIRST): RECEIVE, (BEN, NOBODYS): SEND}
    await site.world.stranger_sets(CY, SECOND, BOTH)
    with capture_logs() as lines:
        await site.run("enforce")
        site.befalls(Fault.NONE, Fault.REFUSED)
    assert any(line["event"] == "mappings" for line in lines)
    assert not any(word in str(lines) for word in ("clinic.example", FIRST[1:], NOBODYS[1:]))


# --- accounts -------------------------------------------------------------------------------------------------------


async def test_an_account_that_cannot_be_read_keeps_no_other_from_its_turn(site: Site) -> None:
    other = site.with_second_account()
    site.world.faults_of_listing = iter([Fault.SHUT_OUT])
    site.wanted = {(ANA, FIRST): RECEIVE, (ANA, NOBODYS): RECEIVE}
    await site.run("enforce")
    assert [pair.number for pair in other.pairs] == [NOBODYS]
    assert site.table == {}


async def test_nothing_is_concluded_from_not_knowing(site: Site) -> None:
    """FIRST belongs to the account that cannot be read: it must not be called a number that nobody has."""
    site.with_second_account()
    await site.run()
    site.wanted = {(ANA, FIRST): RECEIVE}
    site.world.faults_of_listing = iter([Fault.SHUT_OUT])
    await site.run()
    assert site.told == []
    await site.run()
    assert len(site.told) == 1


async def test_a_number_that_went_away_is_told_only_once_every_account_was_read(site: Site) -> None:
    """Its pair stays in the old account, which is read; the number may be in the one that is not."""
    other = site.with_second_account()
    await site.has_ours({(ANA, FIRST): RECEIVE})
    await site.run("enforce")
    del site.world.numbers[FIRST]
    other.faults_of_listing = iter([Fault.SHUT_OUT])
    await site.run("enforce")
    assert site.told == []
    await site.run("enforce")
    assert site.table == {(ANA, FIRST): RECEIVE}
    [mail] = site.told
    assert "the number belongs to no service" in mail


async def test_a_number_that_no_account_has_is_told_once_and_when_it_is_there(site: Site) -> None:
    site.wanted = {(ANA, NOBODYS): RECEIVE}
    await site.run("enforce")
    await site.run("enforce")
    [mail] = site.told
    assert f"{ANA} with {NOBODYS}" in mail
    assert ".mappings@" in message_from_bytes(site.gateway.next_hop.mails[0].content)["Message-ID"]
    assert await drift_metric("unknown number", "") == 1
    await site.world.number_moves(NOBODYS, WEST)
    await site.run("enforce")
    assert site.table == site.wanted
    assert len(site.told_of_drift) == 2


async def test_a_provider_without_mappings_takes_no_part(site: Site) -> None:
    site.providers = {ACCOUNT: FakeProvider(site.gateway.clock)}
    site.wanted = {(ANA, FIRST): RECEIVE}
    await site.run("enforce")
    [mail] = site.told
    assert "no account has" in mail
    assert await site.reconcile().read() == {}


async def test_an_old_reading_is_believed_for_a_day_then_we_mail_everybody_ourselves(site: Site) -> None:
    await site.has_ours({(ANA, FIRST): RECEIVE})
    site.world.faults_of_listing = iter([Fault.SHUT_OUT] * 3)
    await site.run(hours=23)
    assert await site.store.read(known_receivers, FIRST) == {ANA}
    assert site.told == []
    await site.run(hours=2)
    assert await site.store.read(known_receivers, FIRST) == frozenset()
    await site.run(hours=1)
    [mail] = site.told  # once a day
    assert "cannot be read" in mail
    await site.run()
    assert await site.store.read(known_receivers, FIRST) == {ANA}
    assert len(site.told) == 1
    assert (await site.plan()).is_empty  # what was ours stayed ours


async def test_an_account_that_is_no_longer_configured_mails_nobody(site: Site) -> None:
    await site.has_ours({(ANA, FIRST): RECEIVE})
    site.providers = {"other": site.with_second_account()}
    await site.run()
    assert await site.store.read(known_receivers, FIRST) == frozenset()


# --- plan and apply -------------------------------------------------------------------------------------------------


async def test_a_plan_changes_nothing_here_or_there(site: Site) -> None:
    site.wanted = {(ANA, FIRST): RECEIVE}
    plan = await site.plan()
    assert [line.kind for line in plan.changes] == [Kind.CREATED]
    assert site.changes == []
    assert await site.store.read(mappings.last_read, ACCOUNT) is None


async def test_who_asks_is_told_which_account_cannot_be_read(site: Site) -> None:
    other = site.with_second_account()
    other.faults_of_listing = iter([Fault.SHUT_OUT])
    with pytest.raises(UnreadableError, match="provider account other: 401") as refusal:
        await site.plan()
    assert refusal.value.account == "other"


async def test_apply_does_what_was_planned_and_proves_it(site: Site) -> None:
    await site.world.stranger_sets(CY, FIRST, BOTH)
    await site.has_ours({(ANA, FIRST): RECEIVE, (BEN, FIRST): SEND})
    site.wanted = {(ANA, FIRST): BOTH, (ANA, THIRD): RECEIVE}
    applied = await site.apply()
    assert applied.proven
    assert applied.failed == ()
    assert site.table == {**site.wanted, (CY, FIRST): BOTH}
    assert site.progress[-3:] == [(1, 3), (2, 3), (3, 3)]
    assert await site.noted("mapping removed") == [f"{BEN} with {FIRST}"]


async def test_a_world_that_changed_since_the_plan_is_looked_at_again_before_anything_is_done(site: Site) -> None:
    site.wanted = {(ANA, FIRST): RECEIVE}
    plan = await site.plan()
    await site.world.stranger_sets(BEN, SECOND, SEND)
    with pytest.raises(PlanChangedError) as refusal:
        await site.reconcile().apply(plan.digest, remove_many=True, progress=lambda *_: None)
    assert site.changes == []
    assert refusal.value.plan == await site.plan()


async def test_much_is_removed_only_by_somebody_who_knows(site: Site) -> None:
    table = {(f"a{index}@clinic.example", FIRST): RECEIVE for index in range(3)}
    await site.has_ours(table)
    site.wanted = {}
    with pytest.raises(ManyRemovalsError, match="3 of the 3 mappings"):
        await site.apply()
    assert site.table == table
    assert (await site.apply(remove_many=True)).proven
    assert site.table == {}


async def test_all_is_added_before_anything_is_taken_away(site: Site) -> None:
    await site.has_ours({(ANA, FIRST): RECEIVE, (BEN, FIRST): SEND})
    site.world.webhooks[EAST] = ("", "")
    site.wanted = {(BEN, FIRST): RECEIVE, (CY, FIRST): RECEIVE}
    await site.apply()
    assert site.changes == [f"set {BEN}", f"add {CY}", "settings EAST", f"remove {ANA}", f"set {BEN}"]


async def test_a_number_to_which_somebody_could_not_be_added_loses_nobody(site: Site) -> None:
    await site.has_ours({(ANA, FIRST): RECEIVE, (ANA, SECOND): RECEIVE})
    site.wanted = {(BEN, FIRST): RECEIVE}
    site.befalls(Fault.NONE, Fault.REFUSED)
    applied = await site.apply()
    assert site.table == {(ANA, FIRST): RECEIVE}
    assert not applied.proven
    assert [(each.line.address, each.why) for each in applied.failed] == [
        (BEN, "422"),
        (ANA, "somebody else could not be added to this number"),
    ]
    assert (await site.apply()).proven


# --- requests that go wrong -----------------------------------------------------------------------------------------


async def test_an_address_that_appeared_meanwhile_is_read_again_and_completed(site: Site) -> None:
    """The first request is told 409; by the second reading a stranger's pair is there, and it stays."""
    site.wanted = {(ANA, FIRST): RECEIVE}
    site.world.strangers = iter([lambda: site.world.stranger_sets(ANA, SECOND, SEND)])
    site.befalls(Fault.NONE, Fault.CONFLICT, Fault.STRANGER)
    assert (await site.apply()).proven
    assert site.changes == [f"add {ANA}", f"set {ANA}"]
    assert site.table == {(ANA, FIRST): RECEIVE, (ANA, SECOND): SEND}


async def test_an_address_that_went_away_meanwhile_is_made_again(site: Site) -> None:
    await site.has_ours({(ANA, FIRST): RECEIVE})
    site.wanted[ANA, SECOND] = SEND
    site.world.strangers = iter([lambda: site.world.stranger_drops(ANA)])
    site.befalls(Fault.NONE, Fault.CONFLICT, Fault.STRANGER)
    applied = await site.apply()
    assert site.changes == [f"set {ANA}", f"add {ANA}"]
    assert applied.after is not None
    assert [line.kind for line in applied.after.changes] == [Kind.CREATED]  # what the stranger dropped


async def test_a_second_conflict_is_left_to_the_next_turn(site: Site) -> None:
    site.wanted = {(ANA, FIRST): RECEIVE, (BEN, FIRST): RECEIVE}
    site.befalls(Fault.NONE, Fault.CONFLICT, Fault.NONE, Fault.CONFLICT)
    applied = await site.apply()
    [failed] = applied.failed
    assert (failed.line.address, site.table) == (ANA, {(BEN, FIRST): RECEIVE})


async def test_a_pair_that_a_stranger_made_meanwhile_stays_as_it_is_and_theirs(site: Site) -> None:
    site.wanted = {(ANA, FIRST): RECEIVE}
    site.world.strangers = iter([lambda: site.world.stranger_sets(ANA, FIRST, BOTH)])
    site.befalls(Fault.STRANGER)
    applied = await site.apply()
    assert site.changes == []
    assert applied.after is not None
    [line] = applied.after.lines
    assert (line.kind, line.found, line.owned) == (Kind.FOREIGN, BOTH, False)


async def test_an_answer_that_got_lost_is_found_out_by_reading(site: Site) -> None:
    site.wanted = {(ANA, FIRST): RECEIVE}
    site.befalls(Fault.NONE, Fault.LOST_ANSWER)
    assert (await site.apply()).proven
    assert site.changes == [f"add {ANA}"]
    [line] = (await site.plan()).lines
    assert line.owned


async def test_what_was_given_up_and_is_there_all_the_same_is_not_called_failed(site: Site) -> None:
    site.wanted = {(ANA, FIRST): RECEIVE}
    site.befalls(Fault.NONE, Fault.LOST_ANSWER, *[Fault.BROKEN] * 3)
    applied = await site.apply()
    assert applied.proven
    assert applied.failed == ()


async def test_a_provider_that_asks_for_patience_gets_it(site: Site) -> None:
    site.wanted = {(ANA, FIRST): RECEIVE}
    site.befalls(Fault.NONE, Fault.BROKEN, Fault.NONE, Fault.BUSY, Fault.BROKEN)
    assert (await site.apply()).proven
    assert site.pauses == [1, 7, 15]  # ours grow; it asked for seven seconds


async def test_a_provider_that_asks_for_too_much_patience_is_left_until_the_next_turn(site: Site) -> None:
    site.wanted = {(ANA, FIRST): RECEIVE}
    site.befalls(Fault.NONE, Fault.BUSY_FOR_LONG)
    applied = await site.apply()
    assert (site.pauses, site.table) == ([], {})
    assert [each.why for each in applied.failed] == ["429"]


async def test_a_provider_that_is_away_is_not_asked_for_each_of_a_thousand_addresses(site: Site) -> None:
    site.wanted = {(f"a{index}@clinic.example", FIRST): RECEIVE for index in range(1000)}
    site.befalls(*[Fault.BROKEN] * 4000)
    applied = await site.apply()
    assert len(applied.failed) == 1000
    assert len([verb for verb, _, _ in site.world.requests if verb == "read"]) == 12


@pytest.mark.parametrize("between", [[Fault.NONE] * 2, [Fault.NONE, Fault.REFUSED], [Fault.NONE, Fault.CONFLICT] * 2])
async def test_failures_far_apart_do_not_end_the_turn(site: Site, between: list[Fault]) -> None:
    """Whatever answers in between shows that the provider is there."""
    site.wanted = {(f"a{index}@clinic.example", FIRST): RECEIVE for index in range(6)}
    site.befalls(*[*[Fault.BUSY_FOR_LONG] * 2, *between, Fault.BUSY_FOR_LONG])
    applied = await site.apply()
    assert ("a5@clinic.example", FIRST) in site.table
    assert [each.line.address for each in applied.failed if each.why == "429"] == [
        "a0@clinic.example",
        "a1@clinic.example",
        "a3@clinic.example",
    ]


async def test_an_account_that_shuts_us_out_is_not_asked_again_in_this_turn(site: Site) -> None:
    site.wanted = {(ANA, FIRST): RECEIVE, (BEN, FIRST): RECEIVE}
    site.befalls(Fault.NONE, Fault.SHUT_OUT)
    applied = await site.apply()
    assert site.changes == [f"add {ANA}"]
    assert site.pauses == []
    assert [each.why for each in applied.failed] == ["401", "the provider could not be reached"]


async def test_what_cannot_be_read_afterwards_is_not_called_done(site: Site) -> None:
    site.wanted = {(ANA, FIRST): RECEIVE}
    site.world.faults_of_listing = iter([Fault.NONE] * 4 + [Fault.SHUT_OUT])
    applied = await site.apply()
    assert site.table == site.wanted
    assert (applied.after, applied.proven) == (None, False)


async def test_a_request_that_comes_into_effect_when_nobody_expects_it_is_undone_as_ours(site: Site) -> None:
    """Its answer was given up, the address narrowed since, and the proof read: then the old table is back."""
    await site.has_ours({(ANA, FIRST): RECEIVE})
    site.wanted = {(ANA, SECOND): RECEIVE}
    site.befalls(Fault.NONE, Fault.VERY_LATE)
    assert (await site.apply()).proven
    await site.run("enforce", minutes=5)
    assert site.table == {(ANA, SECOND): RECEIVE}
    site.world.calm_down()
    assert site.table == {(ANA, FIRST): RECEIVE, (ANA, SECOND): RECEIVE}
    await site.run("enforce", minutes=50)
    assert site.table == {(ANA, SECOND): RECEIVE}


# --- settings -------------------------------------------------------------------------------------------------------


async def test_a_setting_that_nobody_chose_is_set_with_our_credentials(site: Site) -> None:
    site.world.webhooks[EAST] = ("", "")
    await site.run("enforce")
    assert site.world.setting(EAST) == f"{OURS}|first"
    [mail] = site.told
    assert "sinch: setting changed: incomingWebhookUrl of service EAST" in mail


async def test_a_setting_that_somebody_chose_is_told_and_left_until_it_is_adopted(site: Site) -> None:
    site.world.webhooks[EAST] = ("https://elsewhere.example/", "theirs")
    await site.run("enforce")
    assert site.world.setting(EAST) == "https://elsewhere.example/|theirs"
    [mail] = site.told
    assert "https://elsewhere.example/, set by somebody else, instead of" in mail
    [line] = await site.reconcile().adopt([WEBHOOK])
    assert line.kind is Kind.FOREIGN
    await site.run("enforce")
    assert site.world.setting(EAST) == f"{OURS}|first"


async def test_new_credentials_are_set_although_the_old_ones_cannot_be_seen(site: Site) -> None:
    site.world.webhooks[EAST] = ("", "")
    await site.run("enforce")
    site.world.secret = "second"
    [line] = (await site.plan()).changes
    assert line.sentence == f"{WEBHOOK} of service EAST: our credentials changed since they were set"
    await site.run("enforce")
    assert site.world.setting(EAST) == f"{OURS}|second"


@pytest.mark.parametrize("fault", [Fault.KILLED_BEFORE, Fault.KILLED_AFTER, Fault.LOST_ANSWER, Fault.REFUSED])
async def test_credentials_count_as_set_only_once_the_provider_said_so(site: Site, fault: Fault) -> None:
    site.world.webhooks[EAST] = ("", "")
    await site.run("enforce")
    site.world.secret = "second"
    site.befalls(*[fault] * 4)
    with suppress(KilledError):
        await site.run("enforce")
    site.befalls()
    assert len((await site.plan()).changes) == 1
    await site.run("enforce")
    assert site.world.setting(EAST) == f"{OURS}|second"
    assert (await site.plan()).is_empty


# --- adopt and forget -----------------------------------------------------------------------------------------------


async def test_what_is_adopted_follows_the_configuration_from_then_on(site: Site) -> None:
    for address, number in ((ANA, FIRST), (ANA, SECOND), (BEN, FIRST)):
        await site.world.stranger_sets(address, number, SEND)
    site.wanted = {(ANA, FIRST): RECEIVE}
    taken = await site.reconcile().adopt([ANA])
    assert [(line.what, line.kind) for line in taken] == [
        (f"{ANA} with {FIRST}", Kind.FOREIGN),
        (f"{ANA} with {SECOND}", Kind.FOREIGN),
    ]
    assert await site.reconcile().adopt([ANA]) == []
    assert site.changes == []
    await site.run("enforce")
    assert site.table == {(ANA, FIRST): RECEIVE, (BEN, FIRST): SEND}
    assert await site.noted("mapping adopted") == [line.what for line in taken]


async def test_what_is_as_wanted_can_be_adopted_so_that_it_goes_when_it_is_no_longer_wanted(site: Site) -> None:
    await site.world.stranger_sets(ANA, FIRST, RECEIVE)
    site.wanted = {(ANA, FIRST): RECEIVE}
    [line] = await site.reconcile().adopt([])
    assert line.kind is Kind.SAME
    site.wanted = {}
    await site.run("enforce")
    assert site.table == {}


async def test_what_is_forgotten_stays_at_the_provider(site: Site) -> None:
    await site.has_ours({(ANA, FIRST): RECEIVE, (BEN, FIRST): RECEIVE})
    [line] = await site.reconcile().forget([BEN])
    assert (line.address, line.owned) == (BEN, True)
    site.wanted = {}
    await site.run("enforce")
    assert site.table == {(BEN, FIRST): RECEIVE}
    assert await site.store.owned() == {Pair(ACCOUNT, EAST, ANA, FIRST)}  # as long as a request may be under way


async def test_a_setting_can_be_forgotten_too(site: Site) -> None:
    site.world.webhooks[EAST] = ("", "")
    await site.run("enforce")
    assert [line.what for line in await site.reconcile().forget([WEBHOOK])] == [f"{WEBHOOK} of service EAST"]
    site.world.webhooks[EAST] = ("https://elsewhere.example/", "theirs")
    await site.run("enforce")
    assert site.world.setting(EAST) == "https://elsewhere.example/|theirs"
