from __future__ import annotations

from typing import Any

from ... import errors, strict
from ...client import AuthenticatedClient
from ...models.accepted_response import AcceptedResponse
from ...models.error_response import ErrorResponse
from ...models.refund_request import RefundRequest
from ...models.refund_response import RefundResponse
from ...types import (
    UNSET,
    Request,
    Response,
    Unset,
    header_values,
    path_segment,
    read_json,
    write_json,
)


def build_request(
    transaction_id: str,
    *,
    body: RefundRequest,
    idempotency_key: str | Unset = UNSET,
) -> Request:
    """Refund a captured payment, in full or in part.

    Builds the request, and sends nothing.

    Refunds a captured payment, in full or in part. Several partial refunds are allowed while their sum
    stays within the captured amount; some payment methods allow only a full refund. 200 with code
    BYRD200 means done, 202 with BYRD010 means pending. With an `idempotency-key`, a repeated request
    within 24 hours gets the first reply and refunds nothing more.

    Args:
        transaction_id (str): Paybyrd's id of the captured payment to refund. Not an order's id,
            and not your own reference.
        idempotency_key (str | Unset): Identifies one refund over all its attempts; a UUID is
            advised. For 24 hours Paybyrd answers a repeated key with the first status and body, a 500
            too, and executes nothing. After that the same key refunds a second time.
        body (RefundRequest): The amount to refund. The currency is the payment's and is not sent.


    Returns:
        Request: what is sent, but for the authorization, which the client adds

    Raises:
        ValueError: If a path parameter is empty, "." or ".."; if a header parameter is empty, or begins or ends with
            a blank; if either holds a control character, such as a line break; or if the body holds a number or a text
            that JSON cannot carry.
    """
    headers: dict[str, Any] = {}
    if not isinstance(idempotency_key, Unset):
        headers["idempotency-key"] = idempotency_key

    headers = header_values(headers)

    json_body = body.to_dict()
    headers["Content-Type"] = "application/json"
    content = write_json(json_body)
    return Request(
        method="POST",
        path="/api/v2/refund/{transaction_id}".format(
            transaction_id=path_segment("transactionId", transaction_id),
        ),
        params={},
        headers=headers,
        content=content,
    )


def describes(status_code: int) -> bool:
    """Whether the contract describes a reply with this status"""
    return status_code in {200, 202, 400, 401, 403, 404} or 500 <= status_code <= 599


def read_reply(
    status_code: int, content: bytes
) -> AcceptedResponse | ErrorResponse | RefundResponse | None:
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
            response_200 = RefundResponse.from_dict(_response_200)

            return response_200

        if status_code == 202:
            _response_202 = read_json(content)
            if not isinstance(_response_202, dict):
                raise TypeError("not an object")
            response_202 = AcceptedResponse.from_dict(_response_202)

            return response_202

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
) -> AcceptedResponse | ErrorResponse | RefundResponse | None:
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
        "/paths/~1api~1v2~1refund~1{transactionId}/post", status_code, content
    )
    return read_reply(status_code, content)


def _read(
    response: Response[Any],
) -> Response[AcceptedResponse | ErrorResponse | RefundResponse]:
    if response.problem is None:
        try:
            response.parsed = read_reply(response.status_code, response.content)
        except errors.UnreadableReply as problem:
            response.problem = problem.with_traceback(None)
    return response


def _parsed(
    client: AuthenticatedClient,
    response: Response[AcceptedResponse | ErrorResponse | RefundResponse],
) -> AcceptedResponse | ErrorResponse | RefundResponse | None:
    if response.problem is not None:
        raise response.problem
    if client.raise_on_unexpected_status and not describes(response.status_code):
        raise errors.UnexpectedStatus(response.status_code, response.content)
    return response.parsed


def sync_detailed(
    transaction_id: str,
    *,
    client: AuthenticatedClient,
    body: RefundRequest,
    idempotency_key: str | Unset = UNSET,
) -> Response[AcceptedResponse | ErrorResponse | RefundResponse]:
    """Refund a captured payment, in full or in part.

    Sends the request and returns the reply, whatever its status and whatever it holds.

    Refunds a captured payment, in full or in part. Several partial refunds are allowed while their sum
    stays within the captured amount; some payment methods allow only a full refund. 200 with code
    BYRD200 means done, 202 with BYRD010 means pending. With an `idempotency-key`, a repeated request
    within 24 hours gets the first reply and refunds nothing more.

    Args:
        transaction_id (str): Paybyrd's id of the captured payment to refund. Not an order's id,
            and not your own reference.
        idempotency_key (str | Unset): Identifies one refund over all its attempts; a UUID is
            advised. For 24 hours Paybyrd answers a repeated key with the first status and body, a 500
            too, and executes nothing. After that the same key refunds a second time.
        body (RefundRequest): The amount to refund. The currency is the payment's and is not sent.


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
                idempotency_key=idempotency_key,
            )
        )
    )


def sync(
    transaction_id: str,
    *,
    client: AuthenticatedClient,
    body: RefundRequest,
    idempotency_key: str | Unset = UNSET,
) -> AcceptedResponse | ErrorResponse | RefundResponse | None:
    """Refund a captured payment, in full or in part.

    Sends the request and returns the body of the reply.

    Refunds a captured payment, in full or in part. Several partial refunds are allowed while their sum
    stays within the captured amount; some payment methods allow only a full refund. 200 with code
    BYRD200 means done, 202 with BYRD010 means pending. With an `idempotency-key`, a repeated request
    within 24 hours gets the first reply and refunds nothing more.

    Args:
        transaction_id (str): Paybyrd's id of the captured payment to refund. Not an order's id,
            and not your own reference.
        idempotency_key (str | Unset): Identifies one refund over all its attempts; a UUID is
            advised. For 24 hours Paybyrd answers a repeated key with the first status and body, a 500
            too, and executes nothing. After that the same key refunds a second time.
        body (RefundRequest): The amount to refund. The currency is the payment's and is not sent.


    Returns:
        AcceptedResponse | ErrorResponse | RefundResponse | None

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
            idempotency_key=idempotency_key,
        ),
    )


async def asyncio_detailed(
    transaction_id: str,
    *,
    client: AuthenticatedClient,
    body: RefundRequest,
    idempotency_key: str | Unset = UNSET,
) -> Response[AcceptedResponse | ErrorResponse | RefundResponse]:
    """Refund a captured payment, in full or in part.

    Sends the request and returns the reply, whatever its status and whatever it holds.

    Refunds a captured payment, in full or in part. Several partial refunds are allowed while their sum
    stays within the captured amount; some payment methods allow only a full refund. 200 with code
    BYRD200 means done, 202 with BYRD010 means pending. With an `idempotency-key`, a repeated request
    within 24 hours gets the first reply and refunds nothing more.

    Args:
        transaction_id (str): Paybyrd's id of the captured payment to refund. Not an order's id,
            and not your own reference.
        idempotency_key (str | Unset): Identifies one refund over all its attempts; a UUID is
            advised. For 24 hours Paybyrd answers a repeated key with the first status and body, a 500
            too, and executes nothing. After that the same key refunds a second time.
        body (RefundRequest): The amount to refund. The currency is the payment's and is not sent.


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
                idempotency_key=idempotency_key,
            )
        )
    )


async def asyncio(
    transaction_id: str,
    *,
    client: AuthenticatedClient,
    body: RefundRequest,
    idempotency_key: str | Unset = UNSET,
) -> AcceptedResponse | ErrorResponse | RefundResponse | None:
    """Refund a captured payment, in full or in part.

    Sends the request and returns the body of the reply.

    Refunds a captured payment, in full or in part. Several partial refunds are allowed while their sum
    stays within the captured amount; some payment methods allow only a full refund. 200 with code
    BYRD200 means done, 202 with BYRD010 means pending. With an `idempotency-key`, a repeated request
    within 24 hours gets the first reply and refunds nothing more.

    Args:
        transaction_id (str): Paybyrd's id of the captured payment to refund. Not an order's id,
            and not your own reference.
        idempotency_key (str | Unset): Identifies one refund over all its attempts; a UUID is
            advised. For 24 hours Paybyrd answers a repeated key with the first status and body, a 500
            too, and executes nothing. After that the same key refunds a second time.
        body (RefundRequest): The amount to refund. The currency is the payment's and is not sent.


    Returns:
        AcceptedResponse | ErrorResponse | RefundResponse | None

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
            idempotency_key=idempotency_key,
        ),
    )
