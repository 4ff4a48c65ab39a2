"""Both authentications, and the token that expires (sinch-fax-v3 1)."""

import base64
import json

import aiohttp
import pytest
from simulated import NOON, Answer, Client


async def token_of(api: Client) -> Answer:
    return await api.call_url("POST", f"{api.base_url}/oauth2/token", data={"grant_type": "client_credentials"})


async def test_basic_credentials_are_accepted(api: Client) -> None:
    assert (await api.call("GET", "/services")).status == 200


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        aiohttp.encode_basic_auth("simulator-key", "wrong"),
        aiohttp.encode_basic_auth("wrong", "simulator-secret"),
        "Bearer no.such.token",
        "Bearer",
        "Bearer ünicode",
    ],
)
async def test_wrong_credentials_get_401_with_an_empty_body(api: Client, authorization: str) -> None:
    answer = await api.call("GET", "/services", headers={"Authorization": authorization})
    assert (answer.status, answer.body) == (401, b"")
    assert "expired" not in answer.headers["WWW-Authenticate"]


async def test_another_project_gets_401_with_an_empty_body(api: Client) -> None:
    answer = await api.call_url("GET", f"{api.base_url}/v3/projects/another/faxes")
    assert (answer.status, answer.body) == (401, b"")


async def test_a_token_looks_like_a_jwt_and_opens_the_api(api: Client) -> None:
    answer = await token_of(api)
    assert answer.status == 200
    assert answer.json["token_type"] == "bearer"
    assert answer.json["expires_in"] == 3599
    _, claims, _ = answer.json["access_token"].split(".")
    assert json.loads(base64.urlsafe_b64decode(claims + "=="))["exp"] == NOON + 3599

    bearer = {"Authorization": f"Bearer {answer.json['access_token']}"}
    assert (await api.call("GET", "/faxes", headers=bearer)).status == 200


async def test_an_expired_token_is_told_to_be_expired(api: Client) -> None:
    bearer = {"Authorization": f"Bearer {(await token_of(api)).json['access_token']}"}
    await api.simulator.advance(3598)
    assert (await api.call("GET", "/faxes", headers=bearer)).status == 200

    await api.simulator.advance(1)

    answer = await api.call("GET", "/faxes", headers=bearer)
    assert (answer.status, answer.body) == (401, b"")
    assert "expired" in answer.headers["WWW-Authenticate"]
    renewed = {"Authorization": f"Bearer {(await token_of(api)).json['access_token']}"}
    assert (await api.call("GET", "/faxes", headers=renewed)).status == 200


async def test_a_token_that_was_tampered_with_is_refused(api: Client) -> None:
    token = (await token_of(api)).json["access_token"]
    head, claims, signature = token.split(".")
    longer = json.loads(base64.urlsafe_b64decode(claims + "==")) | {"exp": NOON * 2}
    forged = base64.urlsafe_b64encode(json.dumps(longer).encode()).decode().rstrip("=")
    bearer = {"Authorization": f"Bearer {head}.{forged}.{signature}"}
    assert (await api.call("GET", "/faxes", headers=bearer)).status == 401


async def test_the_token_endpoint_wants_the_right_secret_and_grant(api: Client) -> None:
    url = f"{api.base_url}/oauth2/token"
    grant = {"grant_type": "client_credentials"}
    wrong = {"Authorization": aiohttp.encode_basic_auth(api.simulator.key_id, "wrong")}
    assert (await api.call_url("POST", url, data=grant, headers=wrong)).status == 401
    assert (await api.call_url("POST", url, data={"grant_type": "password"})).status == 400


async def test_the_token_endpoint_can_be_overloaded(api: Client) -> None:
    await api.faults({"fault": "status", "status": 429, "path": "/oauth2/token", "times": 1, "retry_after": 2})
    answer = await token_of(api)
    assert (answer.status, answer.headers["Retry-After"]) == (429, "2")
    assert (await token_of(api)).status == 200
