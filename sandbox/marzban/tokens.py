"""Admin tokens (JWT, HS256) and the tokens in subscription links."""

from __future__ import annotations

import base64
import hashlib
import hmac
import math
from typing import Any

import jwt

from sandbox.marzban.state import Admin, PanelState, User

SIGNATURE_LENGTH = 10


def admin_token(state: PanelState, admin: Admin, now: float) -> str:
    """Give a token that lasts the panel's setting in minutes; 0 means it has no end."""
    access = "sudo" if admin.is_sudo else "admin"
    claims: dict[str, Any] = {"sub": admin.username, "access": access, "iat": int(now)}
    if state.token_minutes:
        claims["exp"] = int(now) + state.token_minutes * 60
    return jwt.encode(claims, state.secret, algorithm="HS256")


def admin_of_token(state: PanelState, token: str, now: float) -> Admin | None:
    """Find whose token it is: None if forged, past its end, or older than the admin's password."""
    try:
        # The panel's own clock decides, and it may have been moved.
        claims = jwt.decode(
            token, state.secret, algorithms=["HS256"], options={"verify_exp": False, "verify_iat": False}
        )
    except jwt.InvalidTokenError:
        return None
    if claims.get("exp", math.inf) <= now:
        return None
    admin = state.find_admin(str(claims.get("sub")))
    if admin is None or claims.get("iat", 0) < int(admin.password_reset_at):
        return None
    return admin


def subscription_token(state: PanelState, user: User, now: float) -> str:
    """Give name and second, readable by anyone, and ten characters of signature; the second is rounded up."""
    text = base64.urlsafe_b64encode(f"{user.username},{math.ceil(now)}".encode()).decode().rstrip("=")
    return text + signature(state, text)


def signature(state: PanelState, text: str) -> str:
    digest = hashlib.sha256((text + state.secret).encode()).digest()
    return base64.urlsafe_b64encode(digest).decode()[:SIGNATURE_LENGTH]


def user_of_subscription(state: PanelState, token: str) -> User | None:
    """Find whose link it is: None if forged, made before the row, or before its last revocation."""
    text, signed = token[:-SIGNATURE_LENGTH], token[-SIGNATURE_LENGTH:]
    if not text or not hmac.compare_digest(signature(state, text).encode(), signed.encode()):
        return None
    plain = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
    username, _, second = plain.rpartition(",")
    user = state.users.get(username)
    if user is None or int(second) < max(user.created_at, user.sub_revoked_at or 0):
        return None
    return user
