"""What the panel does to its users, with the recorded oddities of 0.8.4."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import Any

from sandbox.clock import Clock
from sandbox.events import EventHub
from sandbox.marzban.errors import Crash, Refusal
from sandbox.marzban.links import links_of
from sandbox.marzban.schema import Problems, read_credentials
from sandbox.marzban.state import Admin, CoreKey, PanelState, User
from sandbox.marzban.tokens import subscription_token
from sandbox.marzban.webhooks import Webhooks


def naive(moment: float | None) -> str | None:
    """Write a moment the panel's way: UTC, with microseconds, without saying so."""
    return None if moment is None else datetime.fromtimestamp(moment, UTC).replace(tzinfo=None).isoformat()


class Panel:
    """The rules over one panel's state. `by` is the admin who asks; None is the panel itself."""

    def __init__(self, name: str, state: PanelState, clock: Clock, hub: EventHub) -> None:
        self.name = name
        self.state = state
        self.clock = clock
        self.hub = hub
        self.webhooks = Webhooks(clock)

    def show(self, user: User) -> dict[str, Any]:
        """Give the user object of an answer. Raises Crash for a poisoned row."""
        if user.is_poisoned:
            raise Crash(f"the row of {user.username} cannot be shown")
        now = self.clock.now()
        owner = self.state.admins.get(user.owner) if user.owner is not None else None
        return {
            "proxies": user.proxies,
            "expire": user.expire,
            "data_limit": user.data_limit,
            "data_limit_reset_strategy": user.data_limit_reset_strategy,
            "inbounds": self.state.chosen_tags(user),
            "note": user.note,
            "sub_updated_at": naive(user.sub_updated_at),
            "sub_last_user_agent": user.sub_last_user_agent,
            "online_at": naive(user.online_at),
            "on_hold_expire_duration": user.on_hold_expire_duration,
            "on_hold_timeout": naive(user.on_hold_timeout),
            "auto_delete_in_days": user.auto_delete_in_days,
            "next_plan": user.next_plan,
            "username": user.username,
            "status": user.status,
            "used_traffic": user.used_traffic,
            "lifetime_used_traffic": user.earlier_traffic + user.used_traffic,
            "created_at": naive(user.created_at),
            "links": links_of(self.state, user, now),
            "subscription_url": f"/sub/{subscription_token(self.state, user, now)}",
            "excluded_inbounds": {protocol: user.excluded.get(protocol, []) for protocol in user.proxies},
            "admin": owner.as_json() if owner is not None else None,
        }

    def create(self, fields: dict[str, Any], by: Admin) -> User:
        """Store a new user and give its key to the core.

        Raises Refusal (409 for a taken name, 400 for a protocol the panel has no entrance for), and Crash
        after storing a row that cannot be shown.
        """
        state = self.state
        plan = fields.get("next_plan")
        if fields["username"] in state.users or (plan is not None and plan["data_limit"] is None):
            raise Refusal(409, "User already exists")
        proxies = fields.get("proxies", {})
        self._require_entrances(proxies)
        owner = by.username if by.username in state.admins else None
        user = User(
            id=state.next_user_id(),
            username=fields["username"],
            created_at=self.clock.now(),
            proxies=proxies,
            excluded={
                protocol: self._excluded_at_create(protocol, fields.get("inbounds")) for protocol in proxies
            },
            owner=owner,
            status=fields["status"],
        )
        self._set_plain_fields(user, fields)
        user.expire = fields.get("expire") or None
        user.data_limit = fields.get("data_limit") or None
        user.next_plan = plan
        state.users[user.username] = user
        self.changed(user)
        shown = self.show(user)
        self.update_core(user)
        self.webhooks.queue("user_created", user.username, by=by, user=shown)
        return user

    def _excluded_at_create(self, protocol: str, inbounds: dict[str, list[str]] | None) -> list[str]:
        """No choice at all means no inbound; a choice that leaves the protocol out means all (trap 1)."""
        if inbounds is None:
            return self.state.tags_of(protocol)
        wanted = inbounds.get(protocol) or self.state.tags_of(protocol)
        return [tag for tag in self.state.tags_of(protocol) if tag not in wanted]

    def _require_entrances(self, proxies: dict[str, Any]) -> None:
        for protocol in proxies:
            if not self.state.tags_of(protocol):
                raise Refusal(400, f"Protocol {protocol} is disabled on your server")

    def _set_plain_fields(self, user: User, fields: dict[str, Any]) -> None:
        for name in (
            "data_limit_reset_strategy",
            "on_hold_expire_duration",
            "on_hold_timeout",
            "auto_delete_in_days",
        ):
            if fields.get(name) is not None:
                setattr(user, name, fields[name])
        if "note" in fields:
            user.note = fields["note"] or None

    def modify(self, user: User, fields: dict[str, Any], by: Admin) -> User:
        """Change the named fields; a PUT without next_plan drops it (trap 7)."""
        self._require_entrances(fields.get("proxies", {}))
        before = user.status
        if fields.get("proxies"):
            self._replace_proxies(user, fields["proxies"])
        for protocol, tags in fields.get("inbounds", {}).items():
            if protocol in user.proxies:
                known = self.state.tags_of(protocol)
                user.excluded[protocol] = [tag for tag in known if tag not in tags]
        self._set_plain_fields(user, fields)
        self._set_terms(user, fields)
        user.next_plan = fields.get("next_plan")
        user.edited_at = self.clock.now()
        if user.status != before:
            user.status_changed_at = user.edited_at
        self.update_core(user)
        self.changed(user)
        shown = self.show(user)
        self.webhooks.queue("user_updated", user.username, by=by, user=shown)
        if user.status != before and user.status != "on_hold":
            self.webhooks.queue_status(user.status, user.username, by=by, user=shown)
        return user

    def _replace_proxies(self, user: User, proxies: dict[str, dict[str, str]]) -> None:
        user.excluded = {protocol: user.excluded.get(protocol, []) for protocol in proxies}
        user.proxies = proxies

    def _set_terms(self, user: User, fields: dict[str, Any]) -> None:
        """Apply status, then expire, then data_limit, each looking at the status the one before left."""
        user.status = fields.get("status") or user.status
        if "expire" in fields:
            user.expire = fields["expire"] or None
            if user.status in ("active", "expired"):
                user.status = "expired" if self.is_past(user.expire) else "active"
        if "data_limit" in fields:
            user.data_limit = fields["data_limit"] or None
            if user.status not in ("expired", "disabled"):
                if user.data_limit is not None and user.used_traffic >= user.data_limit:
                    user.status = "limited"
                elif user.status != "on_hold":
                    user.status = "active"

    def is_past(self, expire: int | None) -> bool:
        """The panel compares with its host's local clock as if that were UTC (trap 9)."""
        return expire is not None and expire <= self.clock.now() - self.state.utc_offset_seconds

    def reset_usage(self, user: User, by: Admin) -> User:
        """Set the counter to zero; what is not expired becomes active, disabled and on_hold too (trap 8)."""
        self.clear_usage(user)
        if user.status != "expired":
            self.set_status(user, "active")
        self.update_core(user)
        self.changed(user)
        self.webhooks.queue("data_usage_reset", user.username, by=by, user=self.show(user))
        return user

    def clear_usage(self, user: User) -> None:
        user.earlier_traffic += user.used_traffic
        user.used_traffic = 0
        user.hourly = {}
        user.next_plan = None
        user.reset_at = self.clock.now()

    def revoke(self, user: User, by: Admin) -> User:
        """Make new credentials for every protocol and end the links handed out before this second."""
        user.sub_revoked_at = self.clock.now()
        for protocol, settings in user.proxies.items():
            kept = {name: value for name, value in settings.items() if name in ("flow", "method")}
            user.proxies[protocol] = read_credentials(Problems(), protocol, kept)
        self.update_core(user)
        self.changed(user)
        self.webhooks.queue("subscription_revoked", user.username, by=by, user=self.show(user))
        return user

    def delete(self, user: User, by: Admin | None) -> None:
        """Remove the row, then the core's key.

        Raises Crash between the two for a user without an owner: the key keeps working (trap 4).
        """
        del self.state.users[user.username]
        self.hub.publish("marzban.user_deleted", panel=self.name, username=user.username)
        if by is not None and user.owner is None:
            raise Crash("an ownerless user cannot be reported")
        self.state.core.pop(user.key, None)
        self.webhooks.queue("user_deleted", user.username, by=by)

    def set_owner(self, user: User, owner: Admin) -> User:
        user.owner = owner.username
        self.changed(user)
        return user

    def set_status(self, user: User, status: str) -> None:
        user.status = status
        user.status_changed_at = self.clock.now()

    def flow(self, username: str, size: int) -> User | None:
        """Let traffic pass under a key the core knows; give the row it is booked to, by id (trap 5).

        Raises Refusal (409) if the core does not let the name in.
        """
        row = self.state.users.get(username)
        if row is None or row.key not in self.state.core:
            lost = [name for name, key in self.state.core.items() if key.username == username]
            if not lost or not self.state.core_started:
                raise Refusal(409, f"The core does not let {username} in.")
            row = self.state.user_by_id(int(lost[0].split(".")[0]))
        self.state.traffic += size
        if row is not None:
            self._book_traffic(row, size)
        return row

    def _book_traffic(self, user: User, size: int) -> None:
        now = self.clock.now()
        hour = naive(now // 3600 * 3600) or ""
        user.used_traffic += size
        user.hourly[hour] = user.hourly.get(hour, 0) + size
        user.online_at = now
        owner = self.state.admins.get(user.owner or "")
        if owner is not None and owner.users_usage is not None:
            owner.users_usage += size
        self.webhooks.queue_usage_percent(user, self.show)
        self.changed(user)

    def update_core(self, user: User) -> None:
        """Make the core's key match the row."""
        tags = [tag for chosen in self.state.chosen_tags(user).values() for tag in chosen]
        if user.belongs_in_core and tags:
            self.state.core[user.key] = CoreKey(user.username, tags, copy.deepcopy(user.proxies))
        else:
            self.state.core.pop(user.key, None)

    def restart_core(self) -> None:
        """Build the core's keys from the rows alone: zombies end here."""
        self.state.core = {}
        self.state.core_started = True
        for user in self.state.users.values():
            self.update_core(user)

    def changed(self, user: User) -> None:
        self.hub.publish("marzban.user", panel=self.name, username=user.username, status=user.status)
