"""/api/session, /api/setup, /api/users, /api/sessions, /api/tokens: accounts, logins and tokens."""

from __future__ import annotations

from collections.abc import Sequence

from flask import Response, request
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag

from accounts import records
from core.access import EVERYTHING, Permission, Principal, Role, Scope, scope_of
from core.clock import rfc3339
from core.errors import NotLoggedIn
from core.secrets import Secret
from web.access.audit import audit_about, audit_who
from web.access.principal import current_principal, current_principal_or_none
from web.api import account_models as shapes
from web.api.answers import answer
from web.api.described import NO_CONTENT, answers_with
from web.client import agent, client
from web.login_cookie import clear_cookie, cookie_of, csrf_token, set_cookie
from web.services import services

blueprint = APIBlueprint("api_accounts", __name__, url_prefix="/api", abp_tags=[Tag(name="accounts")])


# --- the own session


@blueprint.get("/session", responses=answers_with({200: shapes.Session}))
def get_session() -> Response:
    """Get the own login and its permissions. With a login's cookie, the answer has the CSRF token."""
    who = current_principal_or_none()
    is_session = who is not None and who.kind == "session"
    return answer(_session(who, cookie_of(request) if is_session else None))


@blueprint.post("/session", responses=answers_with({200: shapes.Session}, 401, 415, 429, 503))
def log_in(body: shapes.Login) -> Response:
    """Log in. The answer sets a cookie. 401 `login_failed`; 429 `too_many_logins` after too many failures."""
    accounts, before = services().accounts, current_principal_or_none()
    try:
        token, who = accounts.log_in(body.name, Secret(body.password), _visitor())
    except NotLoggedIn:
        known = accounts.find_user(body.name)  # an unknown name may be a password that was typed into the wrong field
        audit_who(known.name if known else "(unknown)")
        raise
    audit_who(who.name)
    if before is not None and before.kind == "session":
        accounts.log_out(before)  # this browser forgets the cookie of that login, so it must not stay valid
    return _logged_in(token, who)


@blueprint.delete("/session", responses=answers_with({204: NO_CONTENT}))
def log_out() -> Response:
    """Log out. The cookie becomes invalid, and the streams of this login end."""
    services().accounts.log_out(current_principal())
    response = Response(status=204)
    clear_cookie(response)
    return response


@blueprint.put("/session/password", responses=answers_with({200: shapes.Session}, 415, 429, 503))
def change_own_password(body: shapes.OwnPassword) -> Response:
    """Change the own password. All other logins of this account end; this one continues with a new cookie."""
    token, who = services().accounts.change_own_password(
        current_principal(), Secret(body.current_password), Secret(body.new_password), _visitor()
    )
    return _logged_in(token, who)


# --- the first visit


@blueprint.post("/setup", responses=answers_with({201: shapes.Session}, 409, 415, 503))
def create_first(body: shapes.FirstAccount) -> Response:
    """Create the first account, an admin, and log in with it. Allowed on the machine that runs the app only."""
    password = Secret(body.password)
    audit_who(services().accounts.create_first(body.name, password).name)
    token, who = services().accounts.log_in(body.name, password, _visitor())
    return _logged_in(token, who, 201)


@blueprint.post("/setup/postpone", responses=answers_with({204: NO_CONTENT}))
def postpone() -> Response:
    """Use the app without an account for now, on this machine only. All users of this machine have access."""
    services().accounts.postpone()
    return Response(status=204)


# --- users


@blueprint.get("/users", responses=answers_with({200: shapes.UserList}))
def list_users() -> Response:
    """List all users."""
    return answer(shapes.UserList(users=[shapes.User.model_validate(user) for user in services().accounts.users()]))


@blueprint.post("/users", responses=answers_with({201: shapes.User}, 409, 415, 503))
def add_user(body: shapes.NewUser) -> Response:
    """Create an account."""
    draft = records.UserDraft(body.name, Secret(body.password), Role(body.role), _scope(body.cameras) or EVERYTHING)
    user = services().accounts.add_user(draft)
    audit_about(user=user.name, role=user.role.value)
    return answer(shapes.User.model_validate(user), 201)


@blueprint.patch("/users/<user_id>", responses=answers_with({200: shapes.User}, 404, 409, 415, 503))
def change_user(path: shapes.UserPath, body: shapes.UserEdit) -> Response:
    """Change an account. A new password, role or limit, and disabling it, end its logins and their streams."""
    change = records.UserChange(
        name=body.name,
        password=Secret(body.password) if body.password is not None else None,
        role=Role(body.role) if body.role is not None else None,
        scope=EVERYTHING if body.all_cameras else _scope(body.cameras),
        disabled=body.disabled,
    )
    user = services().accounts.change_user(path.user_id, change)
    audit_about(user=user.name, changed=sorted(body.model_fields_set))
    return answer(shapes.User.model_validate(user))


@blueprint.delete("/users/<user_id>", responses=answers_with({204: NO_CONTENT}, 404, 409))
def remove_user(path: shapes.UserPath) -> Response:
    """Remove an account with its logins and tokens. 409 `last_admin` for the last admin."""
    audit_about(user_id=path.user_id)
    services().accounts.remove_user(path.user_id)
    return Response(status=204)


# --- logins


@blueprint.get("/sessions", responses=answers_with({200: shapes.LoginSessionList}))
def list_sessions() -> Response:
    """List all logins with address and time."""
    own = current_principal().key
    return answer(
        shapes.LoginSessionList(
            sessions=[
                shapes.LoginSession(
                    id=item.id,
                    user_id=item.user_id,
                    user=item.user_name,
                    created_at=rfc3339(item.created_at),
                    last_seen_at=rfc3339(item.last_seen_at),
                    address=item.address,
                    agent=item.agent,
                    is_this=own == f"session:{item.id}",
                )
                for item in services().accounts.sessions()
            ]
        )
    )


@blueprint.delete("/sessions/<session_id>", responses=answers_with({204: NO_CONTENT}, 404))
def end_session(path: shapes.SessionPath) -> Response:
    """End a login and its streams."""
    audit_about(session_id=path.session_id)
    services().accounts.end_session(path.session_id)
    return Response(status=204)


# --- tokens


@blueprint.get("/tokens", responses=answers_with({200: shapes.TokenList}))
def list_tokens() -> Response:
    """List all tokens, without their secrets."""
    return answer(shapes.TokenList(tokens=[shapes.Token.model_validate(item) for item in services().accounts.tokens()]))


@blueprint.post("/tokens", responses=answers_with({201: shapes.MadeToken}, 415))
def add_token(body: shapes.NewToken) -> Response:
    """Create a token for a script: `Authorization: Bearer <token>`. Only this answer contains it."""
    draft = records.TokenDraft(body.name, Role(body.role), _scope(body.cameras) or EVERYTHING, body.expires_at)
    token, record = services().accounts.add_token(current_principal(), draft)
    audit_about(token=record.name, role=record.role.value)
    return answer(shapes.MadeToken(**dict(shapes.Token.model_validate(record)), token=token), 201)


@blueprint.delete("/tokens/<token_id>", responses=answers_with({204: NO_CONTENT}, 404))
def remove_token(path: shapes.TokenPath) -> Response:
    """Remove a token. It becomes invalid, and its streams end."""
    audit_about(token_id=path.token_id)
    services().accounts.remove_token(path.token_id)
    return Response(status=204)


# --- records and answers


def _visitor() -> records.Visitor:
    return records.Visitor(client().address, agent())


def _logged_in(token: str, who: Principal, status: int = 200) -> Response:
    response = answer(_session(who, token), status)
    set_cookie(response, token, services().settings.login_max_s)
    return response


def _session(who: Principal | None, token: str | None) -> shapes.Session:
    return shapes.Session.model_validate(
        {
            "accounts": services().accounts.has_accounts(),
            "user": who.name if who is not None else None,
            "role": who.role if who is not None else None,
            "permissions": [permission for permission in Permission if who is not None and who.may(permission)],
            "cameras": who.scope if who is not None else None,
            "csrf_token": csrf_token(token) if token is not None else None,
        }
    )


def _scope(cameras: Sequence[shapes.CameraLimit] | None) -> Scope | None:
    return None if cameras is None else scope_of([(item.camera_id, item.channels) for item in cameras])
