"""The sender of the current request, found by its token or cookie."""

from __future__ import annotations

from dataclasses import dataclass

from flask import g, request

from account_manager import AccountManager
from core.access import LOCAL, Principal
from core.errors import NotFound, NotLoggedIn
from web.client import client
from web.login_cookie import cookie_of
from web.services import services


@dataclass(frozen=True, slots=True)
class Credentials:
    """The credentials of one request. A live socket looks them up again while it is open, because a login may end."""

    accounts: AccountManager
    authorization: str | None
    cookie: str | None
    is_on_this_machine: bool

    def principal(self) -> Principal | None:
        """Return the sender, or None if there is no valid login or token.

        An Authorization header takes precedence over the cookie, even if its token is wrong.
        """
        if self.authorization is not None:
            scheme, _, token = self.authorization.partition(" ")
            return self.accounts.principal_of_token(token.strip()) if scheme.lower() == "bearer" else None
        found = self.accounts.principal_of_session(self.cookie) if self.cookie else None
        if found is None and self.is_on_this_machine and not self.accounts.has_accounts():
            return LOCAL
        return found


def credentials_of_request() -> Credentials:
    """Return the credentials of the current request."""
    return Credentials(
        services().accounts, request.headers.get("Authorization"), cookie_of(request), client().is_on_this_machine
    )


def identify_sender(*, by_player_link: bool) -> Principal | None:
    """Look up the sender of the current request and keep it for current_principal().

    `by_player_link`: by the `link` in the path alone, because other sites' pages may send the user's cookie.
    """
    if by_player_link:
        g.principal = services().accounts.principal_of_player_link(str((request.view_args or {})["link"]))
    else:
        g.principal = credentials_of_request().principal()
    return current_principal_or_none()


def current_principal() -> Principal:
    """Return the sender of the current request. Raise NotLoggedIn if there is none."""
    found = current_principal_or_none()
    if found is None:
        raise NotLoggedIn("Log in first.")
    return found


def current_principal_or_none() -> Principal | None:
    """Return the sender of the current request, or None if there is no valid login or token."""
    found: Principal | None = g.get("principal")
    return found


def linked_channel_of(who: Principal) -> tuple[int, int]:
    """Return camera id and channel of a player's address. Raise NotFound if its user may not see them any more."""
    for camera_id, channels in (who.scope.cameras or {}).items():
        for channel in channels or ():
            return camera_id, channel
    raise NotFound("There is no such camera, channel or stream.")


def is_local_without_accounts() -> bool:
    """True if this request may do everything: it comes from this machine, and there is no account yet."""
    return client().is_on_this_machine and not services().accounts.has_accounts()
