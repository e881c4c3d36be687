"""REST: the instance itself and the caller."""

from typing import Final

from exporter.simulator.access import Caller, usable
from exporter.simulator.call import Answer, Call
from exporter.simulator.entities import user_basic
from exporter.simulator.errors import refusal
from exporter.simulator.times import rest_time
from exporter.simulator.world import Token, User

REVISION: Final = "0000000"


def version(call: Call) -> Answer:
    """Answer `GET /version`."""
    return Answer({"version": call.world.features.version, "revision": REVISION})


def metadata(call: Call) -> Answer:
    """Answer `GET /metadata`."""
    return Answer(
        {
            "version": call.world.features.version,
            "revision": REVISION,
            "kas": {"enabled": False, "externalUrl": None, "version": None},
            "enterprise": False,
        }
    )


def current_user(call: Call) -> Answer:
    """Answer `GET /user`."""
    user, token = _signed_in(call.caller)
    extra = {"bot": user.bot} | ({"is_admin": True} if token.admin else {})
    return Answer(user_basic(user, call.base_url) | extra)


def current_token(call: Call) -> Answer:
    """Answer `GET /personal_access_tokens/self`."""
    user, token = _signed_in(call.caller)
    return Answer(
        {
            "id": token.id,
            "name": f"token {token.id}",
            "revoked": token.revoked,
            "created_at": rest_time(token.created_at),
            "scopes": list(token.scopes),
            "user_id": user.id,
            "last_used_at": rest_time(call.world.clock()),
            "active": usable(call.world, token),
            "expires_at": token.expires_at.date().isoformat() if token.expires_at else None,
        }
    )


def _signed_in(caller: Caller) -> tuple[User, Token]:
    if caller.user is None or caller.token is None:
        raise refusal(401)
    return caller.user, caller.token
