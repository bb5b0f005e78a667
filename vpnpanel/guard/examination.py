"""Every call we make to a panel, made to it once, on an account of nobody. Touches no database.

The account is made, read, changed, switched off and on, listed, given other keys and removed; what the panel
shows after each call is compared with what it was told. Whatever happens, the account is removed at the end.
"""

import logging
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from core import clock
from core.errors import ShopError
from core.said import Sentence, said
from vpnpanel.drivers.base import (
    Advises,
    Credentials,
    Desired,
    ListsInbounds,
    Observed,
    PanelDriver,
    RotatesKeys,
)
from vpnpanel.drivers.links import key_of
from vpnpanel.errors import AccountMissing, PanelDown, PanelError

log = logging.getLogger(__name__)

# In the order they are made. Each but the first two needs the ones of NEEDS to have passed.
STEPS = (
    "figures", "inbounds", "create", "read", "links", "repeat", "change", "ends", "off", "on", "list",
    "rotate", "remove", "gone",
)  # fmt: skip
NEEDS = {
    **dict.fromkeys(STEPS[2:], ("figures", "inbounds")),
    **dict.fromkeys(STEPS[3:12], ("figures", "inbounds", "create")),
}
# After this no further step begins. One that began late may take a while: the driver repeats and reads back.
LONGEST_SECONDS = 40.0
LIMIT = 2**30
NEAR = timedelta(minutes=10)


class Mismatch(ShopError):
    """The panel did something else than it was told. The message is a key of `words.MISMATCHES`."""

    def __init__(self, key: str, **values: object) -> None:
        super().__init__(key)
        self.values = {name: str(value) for name, value in values.items()}


@dataclass
class Finding:
    """How one step went. `said` is what the driver said, `mismatch` what the panel did instead."""

    step: str
    state: str  # passed, failed or skipped
    seconds: float = 0.0
    said: Sentence | str = ""
    mismatch: str = ""
    values: dict[str, str] = field(default_factory=dict)

    @property
    def plain(self) -> dict[str, Any]:
        return {**asdict(self), "seconds": round(self.seconds, 3)}


@dataclass
class Examination:
    """One test of one panel. `owner` is how names of our accounts begin, `name` the account it is done on."""

    driver: PanelDriver
    owner: str
    name: str
    chosen: dict[str, list[str]]
    findings: list[Finding] = field(default_factory=list)
    advice: set[str] = field(default_factory=set)
    leftovers: set[str] = field(default_factory=set)
    version: str = ""
    dialect: str = ""
    away: Sentence | str = ""
    is_clean: bool = True

    def __post_init__(self) -> None:
        self._give_up_at = time.monotonic() + LONGEST_SECONDS
        self._desired = Desired(
            is_enabled=True,
            until=clock.now().replace(microsecond=0) + timedelta(days=1),
            traffic_limit=LIMIT,
            note=f"{self.owner} contract test",
            credentials=Credentials.fresh(),
        )
        self._keys: frozenset[str] = frozenset()
        self._stopped = ""

    @property
    def has_passed(self) -> bool:
        return not self.away and all(finding.state == "passed" for finding in self.findings)

    @property
    def is_broken(self) -> bool:
        """Whether the panel did otherwise than it should, and not just nothing."""
        failed = [each for each in self.findings if each.state == "failed"]
        return any(each.mismatch or each.said != self.away for each in failed)

    def stop(self, why: str) -> None:
        """Begin nothing further, not even cleaning up. May be called from another thread."""
        self._stopped = why

    def run(self) -> None:
        """Make all calls. Raises nothing: `findings` and `away` say how it went."""
        try:
            for step in STEPS:
                self._take(step)
        finally:
            self._clean_up()

    def _take(self, step: str) -> None:
        failed = {finding.step for finding in self.findings if finding.state != "passed"}
        if self.away or failed.intersection(NEEDS.get(step, ())):
            self.findings.append(Finding(step, "skipped"))
            return
        began_at = time.monotonic()
        finding = Finding(step, "passed")
        try:
            if self._stopped:
                raise PanelDown(self._stopped)
            if began_at > self._give_up_at:
                raise PanelDown(
                    said("the panel took more than %(seconds)s s for its test", seconds=int(LONGEST_SECONDS))
                )
            if getattr(self, f"_{step}")() is False:
                return  # nothing this kind of panel can do
        except Mismatch as wrong:
            finding.state, finding.mismatch, finding.values = "failed", str(wrong), wrong.values
        except PanelDown as failure:
            finding.state, finding.said, self.away = "failed", failure.sentence, failure.sentence
        except PanelError as failure:
            finding.state, finding.said = "failed", failure.sentence
        except Exception as failure:  # a bug of the driver is a reason not to sell, and no reason to stop
            log.exception("contract test of account %s: the driver broke at %s", self.name, step)
            finding.state = "failed"
            finding.said = said("the driver broke: %(error)s", error=type(failure).__name__)
        finding.seconds = time.monotonic() - began_at
        self.findings.append(finding)

    def _clean_up(self) -> None:
        if self.is_clean or self._stopped:
            return
        try:
            self.driver.remove_account(self.name)
            self.is_clean = True
        except PanelError as failed:
            log.warning("account %s of a contract test is still there: %s", self.name, failed)

    def _figures(self) -> None:
        figures = self.driver.figures()
        self.version, self.dialect = figures.version, figures.dialect
        if isinstance(self.driver, Advises):
            self.advice.update(self.driver.advice())

    def _inbounds(self) -> bool:
        if not isinstance(self.driver, ListsInbounds):
            return False
        known = {(protocol, tag) for protocol, tags in self.driver.inbounds().items() for tag in tags}
        chosen = {(protocol, tag) for protocol, tags in self.chosen.items() for tag in tags}
        if not known:
            raise Mismatch("no_inbound")
        for protocol, tag in sorted(chosen - known):
            raise Mismatch("inbound_missing", protocol=protocol, tag=tag)
        return True

    def _create(self) -> None:
        self.is_clean = False
        self._expect(self.driver.put_account(self.name, self._desired, is_new=True))

    def _read(self) -> None:
        self._expect(self._shown())

    def _links(self) -> None:
        shown = self._shown()
        if not shown.links:
            raise Mismatch("no_links")
        self._keys = _keys(shown)

    def _repeat(self) -> None:
        self._expect(self.driver.put_account(self.name, self._desired, is_new=True))
        self._expect_same_keys()

    def _change(self) -> None:
        later = self._desired.until + timedelta(days=9)
        self._desired = replace(self._desired, until=later, traffic_limit=2 * LIMIT)
        self.driver.put_account(self.name, self._desired)
        self._expect(self._shown())
        self._expect_same_keys()

    def _ends(self) -> None:
        """Find out by an end close by whether the panel's clock is ours."""
        now = clock.now().replace(microsecond=0)
        for end, is_over in ((now + NEAR, False), (now - NEAR, True)):
            self.driver.put_account(self.name, replace(self._desired, until=end))
            if self._shown().is_enabled == is_over:
                self.advice.add("clock_behind" if is_over else "clock_ahead")

    def _off(self) -> None:
        self.driver.put_account(self.name, replace(self._desired, is_enabled=False))
        if self._shown().is_enabled:
            raise Mismatch("still_on")

    def _on(self) -> None:
        self.driver.put_account(self.name, self._desired)
        self._expect(self._shown())
        self._expect_same_keys()

    def _list(self) -> None:
        for shown in self._listed():
            if shown.name == self.name:
                self._expect(shown)
                return
        raise Mismatch("not_listed")

    def _listed(self) -> Iterator[Observed]:
        """Yield the newest accounts first: that is where ours should be; then all of them."""
        first = next(self.driver.pages())
        starts = (max(0, first.total - self.driver.page_size), 0)
        for start in starts if not first.is_last else (0,):
            for page in self.driver.pages(start):
                for shown in page.accounts:
                    self._notice(shown.name)
                yield from page.accounts
                if time.monotonic() > self._give_up_at:
                    raise PanelDown(said("the panel is too slow to list its accounts"))

    def _notice(self, name: str) -> None:
        if not name.startswith(f"{self.owner}_"):
            self.advice.add("shared")
        elif name != self.name and is_of_a_test(name, self.owner):
            self.leftovers.add(name)

    def _rotate(self) -> bool:
        if not isinstance(self.driver, RotatesKeys):
            return False
        self._desired = replace(self._desired, credentials=Credentials.fresh())
        shown = self.driver.rotate_account(self.name, self._desired)
        self._expect(shown)
        if self._keys & _keys(shown):
            raise Mismatch("keys_kept")
        self._keys = _keys(shown)
        self.driver.rotate_account(self.name, self._desired)
        self._expect_same_keys()
        return True

    def _remove(self) -> None:
        self.driver.remove_account(self.name)

    def _gone(self) -> None:
        try:
            shown = self._shown()
        except AccountMissing:
            self.is_clean = True
            return
        if not shown.is_stuck:
            raise Mismatch("still_there")
        self.is_clean = True  # as clean as the panel lets it be; the next test removes it

    def _shown(self) -> Observed:
        return self.driver.get_account(self.name)

    def _expect(self, shown: Observed) -> None:
        if shown.is_enabled != self._desired.is_enabled:
            raise Mismatch("not_on", status=shown.status)
        if shown.until is None or int(shown.until.timestamp()) != int(self._desired.until.timestamp()):
            raise Mismatch("other_end", wanted=_minute(self._desired.until), shown=_minute(shown.until))
        if shown.traffic_limit != self._desired.traffic_limit:
            raise Mismatch("other_limit", wanted=self._desired.traffic_limit, shown=shown.traffic_limit)

    def _expect_same_keys(self) -> None:
        if self._keys and _keys(self._shown()) != self._keys:
            raise Mismatch("keys_changed")


def is_of_a_test(name: str, owner: str) -> bool:
    """Tell whether an account was made for a contract test of this installation, and for no customer."""
    return name.startswith(f"{owner}_test_")


def _keys(shown: Observed) -> frozenset[str]:
    """Compared instead of links: a panel may write the same way in through another word each time."""
    return frozenset(key_of(link) for link in shown.links)


def _minute(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC" if at else "–"
