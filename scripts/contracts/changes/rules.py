"""What can change between two contracts: one table, with an id, an effect by direction and a sentence for each rule.

The ids are oasdiff's where oasdiff has one (its `checker` package, github.com/oasdiff/oasdiff), so that they can be
looked up. Rules without a counterpart there stand under the headings that say so.
"""

import enum
from collections.abc import Mapping
from typing import NamedTuple


class Effect(enum.Enum):
    """What a change can do to whoever uses the generated package; the gravest first."""

    CREDENTIALS = "credentials"
    BREAKS_REQUEST = "breaks-request"
    BREAKS_REPLY = "breaks-reply"
    BREAKS_NAME = "breaks-name"
    ADDS = "adds"
    NOTHING = "nothing"

    @property
    def breaks(self) -> bool:
        """Whether what a service has may stop working."""
        return self not in (Effect.ADDS, Effect.NOTHING)


class Way(enum.Enum):
    """Who writes a value: we do in a request, the provider does in a reply."""

    REQUEST = "request"
    REPLY = "response"

    @property
    def other(self) -> "Way":
        """The opposite direction."""
        return Way.REPLY if self is Way.REQUEST else Way.REQUEST


class Rule(NamedTuple):
    """One kind of change: its effect in a request and in a reply, and what is said of the place that changed.

    An id that starts with a hyphen gets the direction and the place in front: `-type-changed` becomes
    `request-property-type-changed`. `says` continues a sentence that starts with the place.
    """

    id: str
    in_request: Effect
    in_reply: Effect
    says: str

    def effect(self, way: Way) -> Effect:
        """Return the effect in one direction."""
        return self.in_request if way is Way.REQUEST else self.in_reply


_Effects = tuple[Effect, Effect]
# In a request, we may send less than before where the contract narrows. In a reply, more can come where it widens.
_NARROWS: _Effects = (Effect.BREAKS_REQUEST, Effect.ADDS)
_WIDENS: _Effects = (Effect.ADDS, Effect.BREAKS_REPLY)
_BREAKS: _Effects = (Effect.BREAKS_REQUEST, Effect.BREAKS_REPLY)
_ADDS: _Effects = (Effect.ADDS, Effect.ADDS)
_NAME: _Effects = (Effect.BREAKS_NAME, Effect.BREAKS_NAME)
_NOTHING: _Effects = (Effect.NOTHING, Effect.NOTHING)
_CREDENTIALS: _Effects = (Effect.CREDENTIALS, Effect.CREDENTIALS)
_REQUEST: _Effects = (Effect.BREAKS_REQUEST, Effect.BREAKS_REQUEST)
_REPLY: _Effects = (Effect.BREAKS_REPLY, Effect.BREAKS_REPLY)
# A listed value that goes takes its name with it: the member of a Python enum.
_VALUE_GONE: _Effects = (Effect.BREAKS_REQUEST, Effect.BREAKS_NAME)


class Bound(NamedTuple):
    """A keyword that limits a value: its word in the ids, whether it is an upper limit, and what it limits."""

    word: str
    upper: bool
    says: str


BOUNDS: Mapping[str, Bound] = {
    "maximum": Bound("max", True, "highest number allowed"),
    "minimum": Bound("min", False, "lowest number allowed"),
    "exclusiveMaximum": Bound("exclusive-max", True, "number that it must stay below"),
    "exclusiveMinimum": Bound("exclusive-min", False, "number that it must stay above"),
    "maxLength": Bound("max-length", True, "greatest length of the text"),
    "minLength": Bound("min-length", False, "smallest length of the text"),
    "maxItems": Bound("max-items", True, "greatest number of entries"),
    "minItems": Bound("min-items", False, "smallest number of entries"),
    "maxProperties": Bound("max-properties", True, "greatest number of fields"),
    "minProperties": Bound("min-properties", False, "smallest number of fields"),
}

_GONE = "is gone"
_ROWS: tuple[tuple[str, _Effects, str], ...] = (
    # Where requests and credentials go. The rules of servers and of token operations are ours.
    ("server-added", _CREDENTIALS, "is a new address that requests and credentials can go to: {after}"),
    ("server-removed", _CREDENTIALS, "is no longer an address of the provider: {before}"),
    ("server-changed", _CREDENTIALS, "is described in another way: {before} became {after}"),
    ("servers-reordered", _CREDENTIALS, "names the same addresses in another order; the first one may be the default"),
    ("token-endpoint-added", _CREDENTIALS, "is new and needs no credential, as one that hands out tokens does"),
    ("token-endpoint-removed", _CREDENTIALS, "is gone; it needed no credential, as one that hands out tokens does"),
    ("api-global-security-added", _CREDENTIALS, "can now be called with {after}"),
    ("api-global-security-removed", _CREDENTIALS, "can no longer be called with {before}"),
    ("api-security-added", _CREDENTIALS, "can now be called with {after}"),
    ("api-security-removed", _CREDENTIALS, "can no longer be called with {before}"),
    ("api-security-component-added", _CREDENTIALS, "is a new way to prove who calls: {after}"),
    ("api-security-component-removed", _CREDENTIALS, "is no longer a way to prove who calls"),
    ("api-security-component-type-changed", _CREDENTIALS, "is now of the kind {after}, and was {before}"),
    ("api-security-component-oauth-url-changed", _CREDENTIALS, "asks permission at {after} now, and did at {before}"),
    ("api-security-component-oauth-token-url-changed", _CREDENTIALS, "gets tokens at {after} now, and did at {before}"),
    ("api-security-component-changed", _CREDENTIALS, "is sent in another way: {before} became {after}"),  # ours
    # Operations.
    ("endpoint-added", _ADDS, "is a new operation"),
    ("api-path-removed-without-deprecation", _REQUEST, "is gone, and so is its whole path"),
    ("api-removed-without-deprecation", _REQUEST, _GONE),
    ("endpoint-deprecated", _NOTHING, "is marked as deprecated: the provider wants to remove it"),
    ("endpoint-reactivated", _NOTHING, "is no longer marked as deprecated"),
    ("api-operation-id-removed", _NAME, "is named {after} now, and was {before}: its module and functions are renamed"),
    ("api-operation-id-added", _NAME, "has got the name {after}: its module and functions are renamed"),
    ("api-tag-removed", _NAME, "is filed under {after} now, and was under {before}: its module moves"),
    # Operations: rules of ours.
    ("further-tags-changed", _NOTHING, "is filed under other words too: {before} became {after}"),
    ("webhook-added", _ADDS, "is a new message that the provider can send to us"),
    ("webhook-removed", _REPLY, "is no longer a message that the provider sends to us"),
    # Parameters.
    ("new-required-request-parameter", _REQUEST, "is new, and must be sent"),
    ("new-request-path-parameter", _REQUEST, "is a new part of the address"),
    ("new-optional-request-parameter", _ADDS, "is new, and may be left out"),
    ("request-parameter-removed", _REQUEST, "is gone: what is sent in it is refused or ignored"),
    ("request-parameter-style-changed", _REQUEST, "is written as {after} now, and was as {before}"),
    ("request-parameter-explode-changed", _REQUEST, "writes several values in another way: {before} became {after}"),
    ("request-parameter-became-allow-reserved", _REQUEST, "is sent without escaping special characters"),
    ("request-parameter-became-not-allow-reserved", _REQUEST, "is sent with special characters escaped"),
    # Bodies, statuses and headers.
    ("request-body-added-required", _REQUEST, "is new, and must be sent"),
    ("request-body-added-optional", _ADDS, "is new, and may be left out"),
    ("request-body-removed", _REQUEST, "is gone: nothing is sent in it any more"),
    ("request-body-media-type-added", _ADDS, "may now also be sent as {after}"),
    ("request-body-media-type-removed", _REQUEST, "can no longer be sent as {before}"),
    ("response-media-type-added", _REPLY, "may now also come as {after}"),
    ("response-media-type-removed", _REPLY, "no longer comes as {before}"),
    ("-media-type-schema-added", _NARROWS, "is now described"),
    ("-media-type-schema-removed", _BREAKS, "is no longer described: nothing says what is in it"),
    ("response-success-status-added", _REPLY, "is a new kind of success, which no reader knows yet"),
    ("response-success-status-removed", _REPLY, _GONE),
    ("response-non-success-status-added", _ADDS, "is now described"),
    ("response-non-success-status-removed", _REPLY, "is gone: such a reply can no longer be read by its fields"),
    ("response-header-added", _ADDS, "is new"),
    ("required-response-header-removed", _REPLY, "is gone; it was always there"),
    ("optional-response-header-removed", _REPLY, _GONE),
    # Fields of an object.
    ("new-required-request-property", _REQUEST, "is new, and must be sent"),
    ("new-optional-request-property", _ADDS, "is new, and may be left out"),
    ("request-property-removed", _REQUEST, "is gone: what is sent in it is refused or ignored"),
    ("response-required-property-added", _ADDS, "is new, and always there"),
    ("response-optional-property-added", _ADDS, "is new, and may be missing"),
    ("response-property-added-to-closed-object", _REPLY, "is new, where no further field was allowed before"),  # ours
    ("response-required-property-removed", _REPLY, "is gone; it was always there"),
    ("response-optional-property-removed", _REPLY, _GONE),
    ("-became-required", _NARROWS, "must now be there; before, it could be left out"),
    ("-became-optional", _WIDENS, "may now be missing; before, it had to be there"),
    # Values.
    ("-type-changed", _BREAKS, "is now {after}, and was {before}"),
    ("-type-generalized", _WIDENS, "can now be {after}, and was {before}"),
    ("-type-specialized", _NARROWS, "is now only {after}, and could be {before}"),
    ("-became-nullable", _WIDENS, "may now be null, that is, there without a value"),
    ("-became-not-nullable", _NARROWS, "may no longer be null, that is, there without a value"),
    ("-became-enum", _NARROWS, "is now limited to these values: {after}"),
    ("-became-not-enum", (Effect.BREAKS_NAME, Effect.BREAKS_REPLY), "is no longer limited to these values: {before}"),
    ("-enum-value-added", _WIDENS, "has a new possible value: {after}"),
    ("-enum-value-removed", _VALUE_GONE, "no longer has this value: {before}"),
    ("-x-extensible-enum-value-removed", _VALUE_GONE, "no longer names this among its known values: {before}"),
    ("-const-added", _NARROWS, "is now always {after}"),
    ("-const-changed", _BREAKS, "is now always {after}, and was always {before}"),
    ("-const-removed", _WIDENS, "is no longer always {before}"),
    ("-default-value-added", _BREAKS, "is taken to be {after} where it is left out"),
    ("-default-value-changed", _BREAKS, "is taken to be {after} where it is left out, and was taken to be {before}"),
    ("-default-value-removed", _BREAKS, "is no longer taken to be {before} where it is left out"),
    ("-pattern-added", _NARROWS, "must now have the form {after}"),
    ("-pattern-changed", _BREAKS, "must now have the form {after}, and had the form {before}"),
    ("-pattern-removed", _WIDENS, "no longer needs the form {before}"),
    ("-multiple-of-set", _NARROWS, "must now be a multiple of {after}"),
    ("-multiple-of-changed", _BREAKS, "must now be a multiple of {after}, and was one of {before}"),
    ("-multiple-of-unset", _WIDENS, "no longer needs to be a multiple of {before}"),
    ("-unique-items-set", _NARROWS, "may no longer hold an entry twice"),
    ("-unique-items-unset", _WIDENS, "may now hold an entry twice"),
    ("-deprecated", _NOTHING, "is marked as deprecated: the provider wants to remove it"),
    ("-reactivated", _NOTHING, "is no longer marked as deprecated"),
    ("-became-read-only", _NARROWS, "is set by the provider alone, and must not be sent"),
    ("-became-not-read-only", _ADDS, "is no longer set by the provider alone"),
    ("-became-write-only", _WIDENS, "is now only sent, and no longer comes in a reply"),
    ("-became-not-write-only", _ADDS, "is no longer only sent: it may come in a reply"),
    *(
        (f"-{kind}-of-{change}", effects, f"{says} ({kind}Of): {value}")
        for kind, added, removed in (("one", _WIDENS, _NARROWS), ("any", _WIDENS, _NARROWS), ("all", _NARROWS, _WIDENS))
        for change, effects, says, value in (
            ("added", added, "has a further form", "{after}"),
            ("removed", removed, "no longer has this form", "{before}"),
        )
    ),
    ("-discriminator-added", _BREAKS, "says by the field {after} which of its forms it has"),
    ("-discriminator-removed", _BREAKS, "no longer says by the field {before} which of its forms it has"),
    ("-discriminator-property-name-changed", _BREAKS, "says by {after} which of its forms it has, and did by {before}"),
    ("-discriminator-mapping-added", _WIDENS, "has a further form, named {after}"),
    ("-discriminator-mapping-deleted", _NARROWS, "no longer has a form named {before}"),
    ("-discriminator-mapping-changed", _BREAKS, "has another form behind a name: {before} became {after}"),
    *(
        (f"-{bound.word}-{change}", effects, f"has another limit: the {bound.says} {says}")
        for bound in BOUNDS.values()
        for change, effects, says in (
            ("set", _NARROWS, "is now {after}"),
            ("unset", _WIDENS, "is no longer {before}"),
            ("increased", _WIDENS if bound.upper else _NARROWS, "is now {after}, and was {before}"),
            ("decreased", _NARROWS if bound.upper else _WIDENS, "is now {after}, and was {before}"),
        )
    ),
    # Values: rules of ours. oasdiff files a changed format under `type-changed`.
    ("-format-changed", _BREAKS, "is now in the format {after}, and was in {before}"),
    ("-became-extensible-enum", _ADDS, "names these as its known values: {after}"),
    ("-became-not-extensible-enum", _NAME, "no longer names these as its known values: {before}"),
    ("-x-extensible-enum-value-added", _ADDS, "names a further known value: {after}"),
    ("-items-set", _NARROWS, "says now what its entries are"),
    ("-items-unset", _WIDENS, "no longer says what its entries are"),
    ("-additional-properties-allowed", _WIDENS, "may now have fields that the page does not name"),
    ("-additional-properties-forbidden", (Effect.BREAKS_REQUEST, Effect.BREAKS_NAME), "may have only the fields named"),
    ("-additional-properties-changed", _BREAKS, "says something else of the fields that it does not name"),
    ("-alternatives-began", _BREAKS, "now has several forms: {after}"),
    ("-alternatives-ended", _BREAKS, "no longer has several forms: {before}"),
    (
        "-alternatives-reordered",
        (Effect.NOTHING, Effect.BREAKS_REPLY),
        "has its forms in another order; the first that fits is read",
    ),
    # Names that a service imports. The rules are ours, but for the first.
    ("api-schema-removed", _NAME, "is gone: its classes can no longer be imported"),
    ("schema-added", _ADDS, "is a new class that can be imported"),
    ("schema-name-changed", _NAME, "changed its class from {before} to {after}"),
    ("title-changed", _NAME, "has another title, which a class may be named after: {before} became {after}"),
    ("properties-reordered", _NAME, "has its fields in another order, and its class its arguments"),
    # Words, and the rest. The rules are ours.
    ("description-changed", _NOTHING, "is described in other words"),
    ("evidence-changed", _NOTHING, "rests on another source"),
    ("example-changed", _NOTHING, "has another example"),
    ("info-changed", _NOTHING, "says something else of the API as a whole: {before} became {after}"),
    ("component-added", _NOTHING, "is a new part that others may use"),
    ("component-removed", _NOTHING, "is no longer a part that others may use"),
    ("written-differently", _NOTHING, "is written in another way that means the same"),
    ("order-changed", _NOTHING, "lists the same in another order, which means the same"),
    ("openapi-version-changed", _REQUEST, "follows other rules (OpenAPI {after}, before {before})"),
    ("reference-leads-nowhere", _BREAKS, "refers to {after}, which the page does not have"),
    ("unknown-keyword-changed", _BREAKS, "says what no rule knows, and so may break: {before} became {after}"),
    ("unlisted-difference", _REQUEST, "differs in a way that no rule knows, and so may break: {before} became {after}"),
)
RULES: Mapping[str, Rule] = {name: Rule(name, *effects, says) for name, effects, says in _ROWS}
"""Every rule by its id."""
