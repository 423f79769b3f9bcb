"""What went wrong at the broker, as a tree by what the caller must do."""

from events.order import RejectionClass


class BrokerError(Exception):
    """Something went wrong between us and the broker."""


class OrderRefused(BrokerError):  # noqa: N818 -- says what happened, as the event it becomes does
    """The broker refused the order for good: record it."""

    def __init__(
        self,
        message: str,
        *,
        rejection_class: RejectionClass = RejectionClass.OTHER,
        status: int | None = None,
        code: int | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.rejection_class = rejection_class
        self.status = status
        self.code = code


class OrderNotAccepted(BrokerError):  # noqa: N818 -- as above
    """Proven: the broker has no such order (never connected, or 429); it may be sent again."""


class OrderOutcomeUnclear(BrokerError):  # noqa: N818 -- as above
    """The broker may or may not have the order: look it up, never guess."""


class DuplicateOrder(OrderOutcomeUnclear):
    """The broker knows this client order id already: look the order up and adopt it."""


class BrokerUnavailable(BrokerError):  # noqa: N818 -- as above
    """The broker cannot answer a question: ask again later."""


class NoQuote(BrokerUnavailable):
    """What is asked about exists, but nobody bids or asks at this moment: ask again soon."""


class QuestionRefused(BrokerUnavailable):
    """The broker has understood the question and does not answer it: soon no more than now."""


class CredentialsRefused(BrokerUnavailable):
    """The broker does not know our key, or not any more: asking again is no use."""
