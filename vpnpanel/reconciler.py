"""The only writer to panels."""


def reconcile_one(access_id: int) -> bool:
    raise NotImplementedError


def reconcile_due() -> int:
    raise NotImplementedError
