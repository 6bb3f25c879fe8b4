from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from attrs import define, evolve, field

from .errors import UnreadableReply
from .types import Request, Response

if TYPE_CHECKING:
    import ssl

    import httpx


@define
class Client:
    """A class for keeping track of data related to the API

    The following are accepted as keyword arguments and will be used to construct httpx Clients internally:

        ``base_url``: The base URL for the API, all requests are made to a relative path to this URL

        ``cookies``: A dictionary of cookies to be sent with every request

        ``headers``: A dictionary of headers to be sent with every request

        ``timeout``: In seconds, as httpx takes it: one number, (connect, read, write, pool), or httpx.Timeout. API
        functions raise httpx.TimeoutException if it is exceeded. None waits for ever. Default: 5 to connect, 30 to read.

        ``verify_ssl``: Whether or not to verify the SSL certificate of the API server. This should be True in production,
        but can be set to False for testing purposes.

        ``follow_redirects``: Whether or not to follow redirects. Default value is False.

        ``httpx_args``: A dictionary of additional arguments to be passed to the ``httpx.Client`` and ``httpx.AsyncClient`` constructor.


    Attributes:
        raise_on_unexpected_status: Whether or not to raise an errors.UnexpectedStatus if the API returns a
            status code that was not documented in the source OpenAPI document. Can also be provided as a keyword
            argument to the constructor.
    """

    raise_on_unexpected_status: bool = field(default=True, kw_only=True)
    _base_url: str = field(alias="base_url")
    _cookies: dict[str, str] = field(
        factory=dict, kw_only=True, alias="cookies", repr=False
    )
    _headers: dict[str, str] = field(
        factory=dict, kw_only=True, alias="headers", repr=False
    )
    _timeout: httpx.Timeout | tuple[float, float, float, float] | float | None = field(
        default=(5.0, 30.0, 30.0, 5.0), kw_only=True, alias="timeout"
    )
    _verify_ssl: str | bool | ssl.SSLContext = field(
        default=True, kw_only=True, alias="verify_ssl"
    )
    _follow_redirects: bool = field(
        default=False, kw_only=True, alias="follow_redirects"
    )
    _httpx_args: dict[str, Any] = field(
        factory=dict, kw_only=True, alias="httpx_args", repr=False
    )
    _client: httpx.Client | None = field(default=None, init=False)
    _async_client: httpx.AsyncClient | None = field(default=None, init=False)

    def with_headers(self, headers: dict[str, str]) -> Client:
        """Get a new client matching this one with additional headers; it makes httpx clients of its own"""
        return evolve(self, headers={**self._headers, **headers})

    def with_cookies(self, cookies: dict[str, str]) -> Client:
        """Get a new client matching this one with additional cookies; it makes httpx clients of its own"""
        return evolve(self, cookies={**self._cookies, **cookies})

    def with_timeout(
        self, timeout: httpx.Timeout | tuple[float, float, float, float] | float | None
    ) -> Client:
        """Get a new client matching this one with a new timeout; it makes httpx clients of its own"""
        return evolve(self, timeout=timeout)

    def auth_headers(self) -> dict[str, str]:
        """The headers that authenticate a request; they go with every one, whatever httpx client sends it"""
        return {}

    def send(self, request: Request) -> Response[Any]:
        """Send a request and read the bytes of the reply, whatever it holds; `parsed` is left None

        Raises:
            httpx.TransportError: If no complete reply arrived. The request may have been executed.
        """
        import httpx

        with self.get_httpx_client().stream(
            request.method,
            request.path,
            params=request.params,
            headers={**request.headers, **self.auth_headers()},
            content=request.content,
        ) as reply:
            problem = None
            try:
                content = reply.read()
            except httpx.DecodingError:
                content, problem = b"", UnreadableReply.undecodable(reply.status_code)
        return Response(reply.status_code, content, reply.headers, None, problem)

    async def asend(self, request: Request) -> Response[Any]:
        """What `send` does, with the underlying httpx.AsyncClient"""
        import httpx

        async with self.get_async_httpx_client().stream(
            request.method,
            request.path,
            params=request.params,
            headers={**request.headers, **self.auth_headers()},
            content=request.content,
        ) as reply:
            problem = None
            try:
                content = await reply.aread()
            except httpx.DecodingError:
                content, problem = b"", UnreadableReply.undecodable(reply.status_code)
        return Response(reply.status_code, content, reply.headers, None, problem)

    def set_httpx_client(self, client: httpx.Client) -> Self:
        """Manually set the underlying httpx.Client

        **NOTE**: This will override any other settings on the client, including cookies, headers, and timeout.
        The authorization header is not among them: it goes with every request.
        """
        self._client = client
        return self

    def get_httpx_client(self) -> httpx.Client:
        """Get the underlying httpx.Client, constructing a new one if not previously set"""
        import httpx

        if self._client is None:
            self._client = httpx.Client(
                base_url=self._base_url,
                cookies=self._cookies,
                headers=self._headers,
                timeout=self._timeout,
                verify=self._verify_ssl,
                follow_redirects=self._follow_redirects,
                **self._httpx_args,
            )
        return self._client

    def __enter__(self) -> Self:
        """Enter a context manager for self.client—you cannot enter twice (see httpx docs)"""
        self.get_httpx_client().__enter__()
        return self

    def __exit__(self, *args: Any, **kwargs: Any) -> None:
        """Exit a context manager for internal httpx.Client (see httpx docs)"""
        self.get_httpx_client().__exit__(*args, **kwargs)

    def set_async_httpx_client(self, async_client: httpx.AsyncClient) -> Self:
        """Manually set the underlying httpx.AsyncClient

        **NOTE**: This will override any other settings on the client, including cookies, headers, and timeout.
        The authorization header is not among them: it goes with every request.
        """
        self._async_client = async_client
        return self

    def get_async_httpx_client(self) -> httpx.AsyncClient:
        """Get the underlying httpx.AsyncClient, constructing a new one if not previously set"""
        import httpx

        if self._async_client is None:
            self._async_client = httpx.AsyncClient(
                base_url=self._base_url,
                cookies=self._cookies,
                headers=self._headers,
                timeout=self._timeout,
                verify=self._verify_ssl,
                follow_redirects=self._follow_redirects,
                **self._httpx_args,
            )
        return self._async_client

    async def __aenter__(self) -> Self:
        """Enter a context manager for underlying httpx.AsyncClient—you cannot enter twice (see httpx docs)"""
        await self.get_async_httpx_client().__aenter__()
        return self

    async def __aexit__(self, *args: Any, **kwargs: Any) -> None:
        """Exit a context manager for underlying httpx.AsyncClient (see httpx docs)"""
        await self.get_async_httpx_client().__aexit__(*args, **kwargs)


@define
class AuthenticatedClient:
    """A Client which has been authenticated for use on secured endpoints

    The following are accepted as keyword arguments and will be used to construct httpx Clients internally:

        ``base_url``: The base URL for the API, all requests are made to a relative path to this URL

        ``cookies``: A dictionary of cookies to be sent with every request

        ``headers``: A dictionary of headers to be sent with every request

        ``timeout``: In seconds, as httpx takes it: one number, (connect, read, write, pool), or httpx.Timeout. API
        functions raise httpx.TimeoutException if it is exceeded. None waits for ever. Default: 5 to connect, 30 to read.

        ``verify_ssl``: Whether or not to verify the SSL certificate of the API server. This should be True in production,
        but can be set to False for testing purposes.

        ``follow_redirects``: Whether or not to follow redirects. Default value is False.

        ``httpx_args``: A dictionary of additional arguments to be passed to the ``httpx.Client`` and ``httpx.AsyncClient`` constructor.


    Attributes:
        raise_on_unexpected_status: Whether or not to raise an errors.UnexpectedStatus if the API returns a
            status code that was not documented in the source OpenAPI document. Can also be provided as a keyword
            argument to the constructor.
        token: The token to use for authentication
        prefix: The prefix of the token in the authorization header; empty for none
        auth_header_name: The name of the authorization header
    """

    raise_on_unexpected_status: bool = field(default=True, kw_only=True)
    _base_url: str = field(alias="base_url")
    _cookies: dict[str, str] = field(
        factory=dict, kw_only=True, alias="cookies", repr=False
    )
    _headers: dict[str, str] = field(
        factory=dict, kw_only=True, alias="headers", repr=False
    )
    _timeout: httpx.Timeout | tuple[float, float, float, float] | float | None = field(
        default=(5.0, 30.0, 30.0, 5.0), kw_only=True, alias="timeout"
    )
    _verify_ssl: str | bool | ssl.SSLContext = field(
        default=True, kw_only=True, alias="verify_ssl"
    )
    _follow_redirects: bool = field(
        default=False, kw_only=True, alias="follow_redirects"
    )
    _httpx_args: dict[str, Any] = field(
        factory=dict, kw_only=True, alias="httpx_args", repr=False
    )
    _client: httpx.Client | None = field(default=None, init=False)
    _async_client: httpx.AsyncClient | None = field(default=None, init=False)

    token: str = field(repr=False)
    prefix: str = "Bearer"
    auth_header_name: str = "Authorization"

    def with_headers(self, headers: dict[str, str]) -> AuthenticatedClient:
        """Get a new client matching this one with additional headers; it makes httpx clients of its own"""
        return evolve(self, headers={**self._headers, **headers})

    def with_cookies(self, cookies: dict[str, str]) -> AuthenticatedClient:
        """Get a new client matching this one with additional cookies; it makes httpx clients of its own"""
        return evolve(self, cookies={**self._cookies, **cookies})

    def with_timeout(
        self, timeout: httpx.Timeout | tuple[float, float, float, float] | float | None
    ) -> AuthenticatedClient:
        """Get a new client matching this one with a new timeout; it makes httpx clients of its own"""
        return evolve(self, timeout=timeout)

    def auth_headers(self) -> dict[str, str]:
        """The headers that authenticate a request; they go with every one, whatever httpx client sends it"""
        return {
            self.auth_header_name: f"{self.prefix} {self.token}"
            if self.prefix
            else self.token
        }

    def send(self, request: Request) -> Response[Any]:
        """Send a request and read the bytes of the reply, whatever it holds; `parsed` is left None

        Raises:
            httpx.TransportError: If no complete reply arrived. The request may have been executed.
        """
        import httpx

        with self.get_httpx_client().stream(
            request.method,
            request.path,
            params=request.params,
            headers={**request.headers, **self.auth_headers()},
            content=request.content,
        ) as reply:
            problem = None
            try:
                content = reply.read()
            except httpx.DecodingError:
                content, problem = b"", UnreadableReply.undecodable(reply.status_code)
        return Response(reply.status_code, content, reply.headers, None, problem)

    async def asend(self, request: Request) -> Response[Any]:
        """What `send` does, with the underlying httpx.AsyncClient"""
        import httpx

        async with self.get_async_httpx_client().stream(
            request.method,
            request.path,
            params=request.params,
            headers={**request.headers, **self.auth_headers()},
            content=request.content,
        ) as reply:
            problem = None
            try:
                content = await reply.aread()
            except httpx.DecodingError:
                content, problem = b"", UnreadableReply.undecodable(reply.status_code)
        return Response(reply.status_code, content, reply.headers, None, problem)

    def set_httpx_client(self, client: httpx.Client) -> Self:
        """Manually set the underlying httpx.Client

        **NOTE**: This will override any other settings on the client, including cookies, headers, and timeout.
        The authorization header is not among them: it goes with every request.
        """
        self._client = client
        return self

    def get_httpx_client(self) -> httpx.Client:
        """Get the underlying httpx.Client, constructing a new one if not previously set"""
        import httpx

        if self._client is None:
            self._client = httpx.Client(
                base_url=self._base_url,
                cookies=self._cookies,
                headers=self._headers,
                timeout=self._timeout,
                verify=self._verify_ssl,
                follow_redirects=self._follow_redirects,
                **self._httpx_args,
            )
        return self._client

    def __enter__(self) -> Self:
        """Enter a context manager for self.client—you cannot enter twice (see httpx docs)"""
        self.get_httpx_client().__enter__()
        return self

    def __exit__(self, *args: Any, **kwargs: Any) -> None:
        """Exit a context manager for internal httpx.Client (see httpx docs)"""
        self.get_httpx_client().__exit__(*args, **kwargs)

    def set_async_httpx_client(self, async_client: httpx.AsyncClient) -> Self:
        """Manually set the underlying httpx.AsyncClient

        **NOTE**: This will override any other settings on the client, including cookies, headers, and timeout.
        The authorization header is not among them: it goes with every request.
        """
        self._async_client = async_client
        return self

    def get_async_httpx_client(self) -> httpx.AsyncClient:
        """Get the underlying httpx.AsyncClient, constructing a new one if not previously set"""
        import httpx

        if self._async_client is None:
            self._async_client = httpx.AsyncClient(
                base_url=self._base_url,
                cookies=self._cookies,
                headers=self._headers,
                timeout=self._timeout,
                verify=self._verify_ssl,
                follow_redirects=self._follow_redirects,
                **self._httpx_args,
            )
        return self._async_client

    async def __aenter__(self) -> Self:
        """Enter a context manager for underlying httpx.AsyncClient—you cannot enter twice (see httpx docs)"""
        await self.get_async_httpx_client().__aenter__()
        return self

    async def __aexit__(self, *args: Any, **kwargs: Any) -> None:
        """Exit a context manager for underlying httpx.AsyncClient (see httpx docs)"""
        await self.get_async_httpx_client().__aexit__(*args, **kwargs)
