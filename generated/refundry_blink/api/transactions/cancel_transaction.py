from __future__ import annotations

from typing import Any

from ... import errors, strict
from ...client import AuthenticatedClient
from ...models.cancel_request import CancelRequest
from ...models.cancel_response import CancelResponse
from ...models.error_response import ErrorResponse
from ...types import (
    UNSET,
    Request,
    Response,
    Unset,
    path_segment,
    read_json,
    write_json,
)


def build_request(
    transaction_id: str,
    *,
    body: CancelRequest | Unset = UNSET,
) -> Request:
    """Void a payment that is not settled yet.

    Builds the request, and sends nothing.

    Voids a card payment with the status "captured", in full. This is not a refund, and does not cancel
    one: refund a settled payment (status "accepted") instead. A reply of 200 alone proves nothing: read
    `success` in it.

    Args:
        transaction_id (str): Blink's id of the payment to void. Not the id of a refund.
        body (CancelRequest | Unset): The reference of a cancellation.


    Returns:
        Request: what is sent, but for the authorization, which the client adds

    Raises:
        ValueError: If a path parameter is empty, "." or ".."; if a header parameter is empty, or begins or ends with
            a blank; if either holds a control character, such as a line break; or if the body holds a number or a text
            that JSON cannot carry.
    """
    headers: dict[str, Any] = {}

    json_body: dict[str, Any] | Unset = UNSET
    if not isinstance(body, Unset):
        json_body = body.to_dict()
    content: bytes | None = None
    if not isinstance(json_body, Unset):
        headers["Content-Type"] = "application/json"
        content = write_json(json_body)
    return Request(
        method="POST",
        path="/api/pay/v1/transactions/{transaction_id}/cancels".format(
            transaction_id=path_segment("transaction_id", transaction_id),
        ),
        params={},
        headers=headers,
        content=content,
    )


def describes(status_code: int) -> bool:
    """Whether the contract describes a reply with this status"""
    return (
        status_code in {200, 400, 401, 402, 403, 404, 409, 422, 429}
        or 500 <= status_code <= 599
    )


def read_reply(
    status_code: int, content: bytes
) -> CancelResponse | ErrorResponse | None:
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
            response_200 = CancelResponse.from_dict(_response_200)

            return response_200

        if status_code == 400:
            _response_400 = read_json(content)
            if not isinstance(_response_400, dict):
                raise TypeError("not an object")
            response_400 = ErrorResponse.from_dict(_response_400)

            return response_400

        if status_code == 401:
            _response_401 = read_json(content)
            if not isinstance(_response_401, dict):
                raise TypeError("not an object")
            response_401 = ErrorResponse.from_dict(_response_401)

            return response_401

        if status_code == 402:
            _response_402 = read_json(content)
            if not isinstance(_response_402, dict):
                raise TypeError("not an object")
            response_402 = ErrorResponse.from_dict(_response_402)

            return response_402

        if status_code == 403:
            _response_403 = read_json(content)
            if not isinstance(_response_403, dict):
                raise TypeError("not an object")
            response_403 = ErrorResponse.from_dict(_response_403)

            return response_403

        if status_code == 404:
            _response_404 = read_json(content)
            if not isinstance(_response_404, dict):
                raise TypeError("not an object")
            response_404 = ErrorResponse.from_dict(_response_404)

            return response_404

        if status_code == 409:
            _response_409 = read_json(content)
            if not isinstance(_response_409, dict):
                raise TypeError("not an object")
            response_409 = ErrorResponse.from_dict(_response_409)

            return response_409

        if status_code == 422:
            _response_422 = read_json(content)
            if not isinstance(_response_422, dict):
                raise TypeError("not an object")
            response_422 = ErrorResponse.from_dict(_response_422)

            return response_422

        if status_code == 429:
            _response_429 = read_json(content)
            if not isinstance(_response_429, dict):
                raise TypeError("not an object")
            response_429 = ErrorResponse.from_dict(_response_429)

            return response_429

        if 500 <= status_code <= 599:
            _response_5xx = read_json(content)
            if not isinstance(_response_5xx, dict):
                raise TypeError("not an object")
            response_5xx = ErrorResponse.from_dict(_response_5xx)

            return response_5xx

        return None
    except errors.READ_ERRORS as error:
        errors.pass_through(error)
        problem = errors.UnreadableReply.because(status_code, content, error)
    # Raised here, so that it does not hold the error, which holds the body.
    raise problem


def read_strictly(
    status_code: int, content: bytes
) -> CancelResponse | ErrorResponse | None:
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
    strict.check_reply(
        "/paths/~1api~1pay~1v1~1transactions~1{transaction_id}~1cancels/post",
        status_code,
        content,
    )
    return read_reply(status_code, content)


def _read(response: Response[Any]) -> Response[CancelResponse | ErrorResponse]:
    if response.problem is None:
        try:
            response.parsed = read_reply(response.status_code, response.content)
        except errors.UnreadableReply as problem:
            response.problem = problem.with_traceback(None)
    return response


def _parsed(
    client: AuthenticatedClient, response: Response[CancelResponse | ErrorResponse]
) -> CancelResponse | ErrorResponse | None:
    if response.problem is not None:
        raise response.problem
    if client.raise_on_unexpected_status and not describes(response.status_code):
        raise errors.UnexpectedStatus(response.status_code, response.content)
    return response.parsed


def sync_detailed(
    transaction_id: str,
    *,
    client: AuthenticatedClient,
    body: CancelRequest | Unset = UNSET,
) -> Response[CancelResponse | ErrorResponse]:
    """Void a payment that is not settled yet.

    Sends the request and returns the reply, whatever its status and whatever it holds.

    Voids a card payment with the status "captured", in full. This is not a refund, and does not cancel
    one: refund a settled payment (status "accepted") instead. A reply of 200 alone proves nothing: read
    `success` in it.

    Args:
        transaction_id (str): Blink's id of the payment to void. Not the id of a refund.
        body (CancelRequest | Unset): The reference of a cancellation.


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
                transaction_id=transaction_id,
                body=body,
            )
        )
    )


def sync(
    transaction_id: str,
    *,
    client: AuthenticatedClient,
    body: CancelRequest | Unset = UNSET,
) -> CancelResponse | ErrorResponse | None:
    """Void a payment that is not settled yet.

    Sends the request and returns the body of the reply.

    Voids a card payment with the status "captured", in full. This is not a refund, and does not cancel
    one: refund a settled payment (status "accepted") instead. A reply of 200 alone proves nothing: read
    `success` in it.

    Args:
        transaction_id (str): Blink's id of the payment to void. Not the id of a refund.
        body (CancelRequest | Unset): The reference of a cancellation.


    Returns:
        CancelResponse | ErrorResponse | None

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
            transaction_id=transaction_id,
            client=client,
            body=body,
        ),
    )


async def asyncio_detailed(
    transaction_id: str,
    *,
    client: AuthenticatedClient,
    body: CancelRequest | Unset = UNSET,
) -> Response[CancelResponse | ErrorResponse]:
    """Void a payment that is not settled yet.

    Sends the request and returns the reply, whatever its status and whatever it holds.

    Voids a card payment with the status "captured", in full. This is not a refund, and does not cancel
    one: refund a settled payment (status "accepted") instead. A reply of 200 alone proves nothing: read
    `success` in it.

    Args:
        transaction_id (str): Blink's id of the payment to void. Not the id of a refund.
        body (CancelRequest | Unset): The reference of a cancellation.


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
                transaction_id=transaction_id,
                body=body,
            )
        )
    )


async def asyncio(
    transaction_id: str,
    *,
    client: AuthenticatedClient,
    body: CancelRequest | Unset = UNSET,
) -> CancelResponse | ErrorResponse | None:
    """Void a payment that is not settled yet.

    Sends the request and returns the body of the reply.

    Voids a card payment with the status "captured", in full. This is not a refund, and does not cancel
    one: refund a settled payment (status "accepted") instead. A reply of 200 alone proves nothing: read
    `success` in it.

    Args:
        transaction_id (str): Blink's id of the payment to void. Not the id of a refund.
        body (CancelRequest | Unset): The reference of a cancellation.


    Returns:
        CancelResponse | ErrorResponse | None

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
            transaction_id=transaction_id,
            client=client,
            body=body,
        ),
    )
