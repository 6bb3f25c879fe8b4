from __future__ import annotations

from typing import Any

from ... import errors, strict
from ...client import AuthenticatedClient
from ...errors import pass_through
from ...models.error_response import ErrorResponse
from ...models.transaction import Transaction
from ...types import (
    UNSET,
    Request,
    Response,
    read_json,
)


def build_request(
    *,
    request_id: str,
) -> Request:
    """Get the transactions of an accepted request.

    Builds the request, and sends nothing.

    Returns the transactions of a request that was answered with 202. Changes nothing. The answer before
    a transaction exists is not documented: an empty array does not prove that there will be none.

    Args:
        request_id (str): The id of the accepted request, from the link in the reply 202, or the
            RequestId in the header of any reply. Not the id of a transaction. Paybyrd has other
            queries at this path; this one requires the id, so that no unfiltered list is requested by
            mistake.


    Returns:
        Request: what is sent, but for the authorization, which the client adds

    Raises:
        ValueError: If a path parameter is empty, "." or ".."; if a header parameter is empty, or begins or ends with
            a blank; if either holds a control character, such as a line break; or if the body holds a number or a text
            that JSON cannot carry.
    """
    headers: dict[str, str] = {}

    params: dict[str, Any] = {}

    params["requestId"] = request_id

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    return Request(
        method="GET",
        path="/api/v2/transactions",
        params=params,
        headers=headers,
        content=None,
    )


def describes(status_code: int) -> bool:
    """Whether the contract describes a reply with this status"""
    return status_code in {200, 400, 401, 403, 404} or 500 <= status_code <= 599


def read_reply(
    status_code: int, content: bytes
) -> ErrorResponse | list[Transaction] | Transaction | None:
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
            response_200_body: Any = read_json(content)

            def _parse_response_200(data: object) -> list[Transaction] | Transaction:
                try:
                    if not (isinstance(data, list)):
                        raise TypeError()
                    response_200_type_0 = []
                    _response_200_type_0 = data
                    if not isinstance(_response_200_type_0, list):
                        raise TypeError("not an array")
                    for response_200_type_0_item_data in _response_200_type_0:
                        _response_200_type_0_item = response_200_type_0_item_data
                        if not isinstance(_response_200_type_0_item, dict):
                            raise TypeError("not an object")
                        response_200_type_0_item = Transaction.from_dict(
                            _response_200_type_0_item
                        )

                        response_200_type_0.append(response_200_type_0_item)

                    return response_200_type_0
                except (TypeError, ValueError, AttributeError, KeyError) as error:
                    pass_through(error)
                if not (isinstance(data, dict)):
                    raise TypeError()
                _response_200_type_1 = data
                if not isinstance(_response_200_type_1, dict):
                    raise TypeError("not an object")
                response_200_type_1 = Transaction.from_dict(_response_200_type_1)

                return response_200_type_1

            response_200 = _parse_response_200(response_200_body)

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
) -> ErrorResponse | list[Transaction] | Transaction | None:
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
    strict.check_reply("/paths/~1api~1v2~1transactions/get", status_code, content)
    return read_reply(status_code, content)


def _read(
    response: Response[Any],
) -> Response[ErrorResponse | list[Transaction] | Transaction]:
    if response.problem is None:
        try:
            response.parsed = read_reply(response.status_code, response.content)
        except errors.UnreadableReply as problem:
            response.problem = problem.with_traceback(None)
    return response


def _parsed(
    client: AuthenticatedClient,
    response: Response[ErrorResponse | list[Transaction] | Transaction],
) -> ErrorResponse | list[Transaction] | Transaction | None:
    if response.problem is not None:
        raise response.problem
    if client.raise_on_unexpected_status and not describes(response.status_code):
        raise errors.UnexpectedStatus(response.status_code, response.content)
    return response.parsed


def sync_detailed(
    *,
    client: AuthenticatedClient,
    request_id: str,
) -> Response[ErrorResponse | list[Transaction] | Transaction]:
    """Get the transactions of an accepted request.

    Sends the request and returns the reply, whatever its status and whatever it holds.

    Returns the transactions of a request that was answered with 202. Changes nothing. The answer before
    a transaction exists is not documented: an empty array does not prove that there will be none.

    Args:
        request_id (str): The id of the accepted request, from the link in the reply 202, or the
            RequestId in the header of any reply. Not the id of a transaction. Paybyrd has other
            queries at this path; this one requires the id, so that no unfiltered list is requested by
            mistake.


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
                request_id=request_id,
            )
        )
    )


def sync(
    *,
    client: AuthenticatedClient,
    request_id: str,
) -> ErrorResponse | list[Transaction] | Transaction | None:
    """Get the transactions of an accepted request.

    Sends the request and returns the body of the reply.

    Returns the transactions of a request that was answered with 202. Changes nothing. The answer before
    a transaction exists is not documented: an empty array does not prove that there will be none.

    Args:
        request_id (str): The id of the accepted request, from the link in the reply 202, or the
            RequestId in the header of any reply. Not the id of a transaction. Paybyrd has other
            queries at this path; this one requires the id, so that no unfiltered list is requested by
            mistake.


    Returns:
        ErrorResponse | list[Transaction] | Transaction | None

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
            request_id=request_id,
        ),
    )


async def asyncio_detailed(
    *,
    client: AuthenticatedClient,
    request_id: str,
) -> Response[ErrorResponse | list[Transaction] | Transaction]:
    """Get the transactions of an accepted request.

    Sends the request and returns the reply, whatever its status and whatever it holds.

    Returns the transactions of a request that was answered with 202. Changes nothing. The answer before
    a transaction exists is not documented: an empty array does not prove that there will be none.

    Args:
        request_id (str): The id of the accepted request, from the link in the reply 202, or the
            RequestId in the header of any reply. Not the id of a transaction. Paybyrd has other
            queries at this path; this one requires the id, so that no unfiltered list is requested by
            mistake.


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
                request_id=request_id,
            )
        )
    )


async def asyncio(
    *,
    client: AuthenticatedClient,
    request_id: str,
) -> ErrorResponse | list[Transaction] | Transaction | None:
    """Get the transactions of an accepted request.

    Sends the request and returns the body of the reply.

    Returns the transactions of a request that was answered with 202. Changes nothing. The answer before
    a transaction exists is not documented: an empty array does not prove that there will be none.

    Args:
        request_id (str): The id of the accepted request, from the link in the reply 202, or the
            RequestId in the header of any reply. Not the id of a transaction. Paybyrd has other
            queries at this path; this one requires the id, so that no unfiltered list is requested by
            mistake.


    Returns:
        ErrorResponse | list[Transaction] | Transaction | None

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
            request_id=request_id,
        ),
    )
