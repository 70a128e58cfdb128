"""The check of each request against its row in the access table, after the guard and before the view."""

from __future__ import annotations

import logging
from typing import Any

from flask import Flask, redirect, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from core.access import LOCAL, Permission, Principal, permissions_of
from core.errors import Forbidden, InvalidRequest, NotFound, NotLoggedIn, Unavailable
from core.node_link import SIGNATURE
from web.access.audit import audit_about, audit_out_of_scope, begin_audit, leave_audit, write_audit
from web.access.principal import current_principal_or_none, identify_sender, is_local_without_accounts
from web.access.rules import RULES, Open, Rule
from web.access.targets import UnreadableField, may_see
from web.client import client, has_client
from web.login_cookie import CSRF_HEADER, cookie_of, csrf_token, is_csrf_token
from web.problems import answer_app_error, wants_page
from web.routing import FRONT_DOOR, find_destination, hand_on, hand_on_if_cut_off, refuse_elsewhere
from web.services import services

log = logging.getLogger(__name__)

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def install_access(app: Flask) -> None:
    """Check each request before its view, write the audit log after it. Call it after install_guard()."""
    app.before_request(_check_request)
    app.after_request(write_audit)
    app.register_error_handler(Unavailable, _answer_unavailable)
    app.context_processor(_template_variables)


def _check_request() -> BaseResponse | None:
    if handed_on := hand_on_if_cut_off():
        leave_audit()  # the other node writes the line
        return handed_on
    rule = RULES.get(request.endpoint or "")
    who = identify_sender(by_player_link=rule is not None and rule.is_for_players)
    if rule is None:
        if request.endpoint is not None:
            log.error("the route %s has no rule and is refused", request.endpoint)
            raise Forbidden("You do not have permission to do this.")
        if who is None:
            return _demand_login()
        return None  # Flask answers: there is no such address, or not with this method
    begin_audit(rule.action)
    if rule.needs is Open.ALL:
        return None
    if rule.needs is Open.SETUP:
        return _check_setup()
    if rule.needs is Open.NODES:
        _check_node()
        return None
    if who is None:
        if rule.is_for_players:
            raise NotLoggedIn("This address is not valid any more: copy a new one from the details of the channel.")
        return _demand_login()
    return _check_rule(who, rule)


def _answer_unavailable(error: Unavailable) -> BaseResponse:
    """Hand a request that only reads on to another node, if this one lost the database meanwhile."""
    may_repeat = error.code == "database_unreachable" and request.method in _SAFE_METHODS and has_client()
    if may_repeat and (handed_on := hand_on_if_cut_off()):
        leave_audit()
        return handed_on
    return answer_app_error(error)


def _check_rule(who: Principal, rule: Rule) -> BaseResponse | None:
    """Hand the request on to the node that it belongs to, or check it here."""
    destination = find_destination(rule)
    if destination is not None and (handed_on := hand_on(destination)):
        leave_audit()  # the other node writes the line
        return handed_on
    if _is_first_visit(who):
        return redirect(url_for("pages.welcome"))
    _check_csrf(who)
    if rule.is_for_people and who.kind == "token":
        raise Forbidden("A token cannot manage accounts: log in with a password.")
    if isinstance(rule.needs, Permission):
        _check_permission(who, rule.needs)
    _check_target(who, rule)
    if destination is not None:
        refuse_elsewhere(destination)
    return None


def _demand_login() -> BaseResponse:
    """Redirect a page to the login page; raise NotLoggedIn for other requests."""
    _check_no_hidden_proxy()
    if request.method == "GET" and wants_page():
        return redirect(url_for("pages.login", next=request.full_path.removesuffix("?")))
    raise NotLoggedIn("Log in first, or send a token: Authorization: Bearer ...")


def _check_setup() -> BaseResponse | None:
    if is_local_without_accounts():
        return None
    if request.method == "GET":
        return redirect(url_for("pages.cameras"))
    if services().accounts.has_accounts():
        raise Forbidden("There is an account already: log in with it.", code="accounts_exist")
    _check_no_hidden_proxy()
    raise Forbidden("Create the first account on the machine that runs the app.", code="not_this_machine")


def _check_node() -> None:
    """Raise NotLoggedIn unless another node has signed the request and sent it past the front door."""
    path = request.full_path.removesuffix("?")
    signature = request.headers.get(SIGNATURE, "")
    found = services()
    if FRONT_DOOR in request.headers or not found.node_link.is_signed(signature, found.placement.this_node(), path):
        raise NotLoggedIn("Only another server of this app may ask this.")


def _check_no_hidden_proxy() -> None:
    """Without accounts, explain the refusal of HTTP/1.0, which a proxy without headers may have sent."""
    if client().is_http_1_0 and not services().accounts.has_accounts():
        raise Forbidden(
            "Without an account the app answers only requests from this machine, and an HTTP/1.0 request may come "
            "through a proxy. Create an account first (flask --app app users add), then name the proxy in "
            "TRUSTED_PROXIES.",
            code="proxied",
        )


def _is_first_visit(who: Principal) -> bool:
    """True if a user of this machine opens a page and has not chosen yet: an account, or "only on this machine"."""
    if who is not LOCAL or request.method != "GET" or not wants_page():
        return False
    return request.blueprint == "pages" and not services().accounts.is_postponed()


def _check_csrf(who: Principal) -> None:
    if request.method in _SAFE_METHODS or who.kind != "session":
        return
    if not is_csrf_token(cookie_of(request) or "", request.headers.get(CSRF_HEADER, "")):
        raise Forbidden("This page is out of date: reload it.", code="csrf")


def _check_permission(who: Principal, needs: Permission) -> None:
    if not who.may(needs):
        if who.scope.is_limited and needs in permissions_of(who.role):
            raise Forbidden("Users who are limited to certain cameras do not have permission to do this.")
        raise Forbidden(f"The role {who.role.value} does not have permission to do this.")


def _check_target(who: Principal, rule: Rule) -> None:
    if rule.target is None:
        return
    try:
        target = rule.target()
    except UnreadableField as unreadable:
        if who.scope.is_limited:
            raise InvalidRequest.of_field(unreadable.field, "missing or invalid") from None
        return  # the user may access everything, and the view's error is more precise
    except NotFound:
        if who.may(Permission.MANAGE):
            return  # the view's error is more precise: perhaps the id is invalid
        raise
    if target is None:
        return
    audit_about(camera_id=target.camera_id, channel=target.channel)
    if not may_see(who, target):
        audit_out_of_scope()
        raise NotFound("There is no such camera, channel or stream.")
    if target.needs is not None:
        _check_permission(who, target.needs)


def _template_variables() -> dict[str, Any]:
    who = current_principal_or_none()
    cookie = cookie_of(request) if has_client() else None  # the guard's own error pages have no client yet
    return {
        "principal": who,
        "permissions": [permission.value for permission in Permission if who is not None and who.may(permission)],
        "csrf": csrf_token(cookie) if cookie and who is not None and who.kind == "session" else "",
    }
