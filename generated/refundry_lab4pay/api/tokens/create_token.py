from __future__ import annotations

from typing import Any

from ... import errors, strict
from ...client import Client
from ...models.error_response import ErrorResponse
from ...models.token_request import TokenRequest
from ...models.token_response import TokenResponse
from ...types import (
    Request,
    Response,
    read_json,
    write_json,
)


def build_request(
    *,
    body: TokenRequest,
) -> Request:
    """Get an access token for the terminal of the credentials.

    Builds the request, and sends nothing.

    Exchanges the credentials of one pairing for an access token. The token decides to which terminal a
    later request goes. Sent without a token, and without the integrator's header, which the provider's
    sample omits.

    Args:
        body (TokenRequest): The credentials of one pairing of a terminal.


    Returns:
        Request: what is sent, but for the authorization, which the client adds

    Raises:
        ValueError: If a path parameter is empty, "." or ".."; if a header parameter is empty, or begins or ends with
            a blank; if either holds a control character, such as a line break; or if the body holds a number or a text
            that JSON cannot carry.
    """
    headers: dict[str, Any] = {}

    json_body = body.to_dict()
    headers["Content-Type"] = "application/json"
    content = write_json(json_body)
    return Request(
        method="POST",
        path="/v1/auth/token/",
        params={},
        headers=headers,
        content=content,
    )


def describes(status_code: int) -> bool:
    """Whether the contract describes a reply with this status"""
    return status_code in {200, 400, 500}


def read_reply(
    status_code: int, content: bytes
) -> ErrorResponse | TokenResponse | None:
    """Read the body of a reply, without any I/O

    Enum values that the contract does not list are kept. Where an optional object is null or something else,
    the attribute is UNSET and the value stays in `additional_properties`.

    Returns:
        The model of the status; None if the contract does not describe the status, or describes it without a schema

    Raises:
        errors.UnreadableReply: The only one, whatever the bytes. It does not say that nothing was executed.
    """
    try:
        if status_code == 200:
            _response_200 = read_json(content)
            if not isinstance(_response_200, dict):
                raise TypeError("not an object")
            response_200 = TokenResponse.from_dict(_response_200)

            return response_200

        if status_code == 400:
            _response_400 = read_json(content)
            if not isinstance(_response_400, dict):
                raise TypeError("not an object")
            response_400 = ErrorResponse.from_dict(_response_400)

            return response_400

        if status_code == 500:
            _response_500 = read_json(content)
            if not isinstance(_response_500, dict):
                raise TypeError("not an object")
            response_500 = ErrorResponse.from_dict(_response_500)

            return response_500

        return None
    except errors.READ_ERRORS as error:
        errors.pass_through(error)
        problem = errors.UnreadableReply.because(status_code, content, error)
    # Raised here, so that it does not hold the error, which holds the body.
    raise problem


def read_strictly(
    status_code: int, content: bytes
) -> ErrorResponse | TokenResponse | None:
    """Read the body of a reply that keeps to the contract, without any I/O

    An enum value that the contract does not list departs from it. So does a field that it does not list, only where
    it forbids others. Needs the extra `strict` of refundry.

    Returns:
        What `read_reply` returns

    Raises:
        errors.DepartsFromContract: If the reply departs from the contract, with all departures. It does not say that
            nothing was executed.
        errors.UnreadableReply: As `read_reply`.
        ImportError: If the extra is not installed.
    """
    strict.check_reply("/paths/~1v1~1auth~1token~1/post", status_code, content)
    return read_reply(status_code, content)


def _read(response: Response[Any]) -> Response[ErrorResponse | TokenResponse]:
    if response.problem is None:
        try:
            response.parsed = read_reply(response.status_code, response.content)
        except errors.UnreadableReply as problem:
            response.problem = problem.with_traceback(None)
    return response


def _parsed(
    client: Client, response: Response[ErrorResponse | TokenResponse]
) -> ErrorResponse | TokenResponse | None:
    if response.problem is not None:
        raise response.problem
    if client.raise_on_unexpected_status and not describes(response.status_code):
        raise errors.UnexpectedStatus(response.status_code, response.content)
    return response.parsed


def sync_detailed(
    *,
    client: Client,
    body: TokenRequest,
) -> Response[ErrorResponse | TokenResponse]:
    """Get an access token for the terminal of the credentials.

    Sends the request and returns the reply, whatever its status and whatever it holds.

    Exchanges the credentials of one pairing for an access token. The token decides to which terminal a
    later request goes. Sent without a token, and without the integrator's header, which the provider's
    sample omits.

    Args:
        body (TokenRequest): The credentials of one pairing of a terminal.


    Returns:
        Response: `parsed` is its body, `problem` says why that could not be read

    Raises:
        ValueError: As `build_request`; nothing was sent.
        httpx.HTTPError: If no whole reply arrived, httpx.TimeoutException among them. The request may have
            been executed.
    """
    return _read(
        client.send(
            build_request(
                body=body,
            )
        )
    )


def sync(
    *,
    client: Client,
    body: TokenRequest,
) -> ErrorResponse | TokenResponse | None:
    """Get an access token for the terminal of the credentials.

    Sends the request and returns the body of the reply.

    Exchanges the credentials of one pairing for an access token. The token decides to which terminal a
    later request goes. Sent without a token, and without the integrator's header, which the provider's
    sample omits.

    Args:
        body (TokenRequest): The credentials of one pairing of a terminal.


    Returns:
        ErrorResponse | TokenResponse | None

    Raises:
        ValueError: As `build_request`; nothing was sent.
        errors.UnreadableReply: If the body of the reply cannot be read. It is a ValueError, too: catch it first.
        errors.UnexpectedStatus: If the contract does not describe the status, unless
            Client.raise_on_unexpected_status is False.
        httpx.HTTPError: If no whole reply arrived, httpx.TimeoutException among them. The request may have
            been executed.
    """
    return _parsed(
        client,
        sync_detailed(
            client=client,
            body=body,
        ),
    )


async def asyncio_detailed(
    *,
    client: Client,
    body: TokenRequest,
) -> Response[ErrorResponse | TokenResponse]:
    """Get an access token for the terminal of the credentials.

    Sends the request and returns the reply, whatever its status and whatever it holds.

    Exchanges the credentials of one pairing for an access token. The token decides to which terminal a
    later request goes. Sent without a token, and without the integrator's header, which the provider's
    sample omits.

    Args:
        body (TokenRequest): The credentials of one pairing of a terminal.


    Returns:
        Response: `parsed` is its body, `problem` says why that could not be read

    Raises:
        ValueError: As `build_request`; nothing was sent.
        httpx.HTTPError: If no whole reply arrived, httpx.TimeoutException among them. The request may have
            been executed.
    """
    return _read(
        await client.asend(
            build_request(
                body=body,
            )
        )
    )


async def asyncio(
    *,
    client: Client,
    body: TokenRequest,
) -> ErrorResponse | TokenResponse | None:
    """Get an access token for the terminal of the credentials.

    Sends the request and returns the body of the reply.

    Exchanges the credentials of one pairing for an access token. The token decides to which terminal a
    later request goes. Sent without a token, and without the integrator's header, which the provider's
    sample omits.

    Args:
        body (TokenRequest): The credentials of one pairing of a terminal.


    Returns:
        ErrorResponse | TokenResponse | None

    Raises:
        ValueError: As `build_request`; nothing was sent.
        errors.UnreadableReply: If the body of the reply cannot be read. It is a ValueError, too: catch it first.
        errors.UnexpectedStatus: If the contract does not describe the status, unless
            Client.raise_on_unexpected_status is False.
        httpx.HTTPError: If no whole reply arrived, httpx.TimeoutException among them. The request may have
            been executed.
    """
    return _parsed(
        client,
        await asyncio_detailed(
            client=client,
            body=body,
        ),
    )
