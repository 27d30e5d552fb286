"""What a probe says that no question says itself: why an answer is not there, and in how many cases it is."""

# Why an answer is not there. Whatever the account says is not among these words.
NOTHING = "nothing in the account shows it"
AMBIGUOUS = "what the account shows fits more than one answer"
MOVING = "the account changed while it was asked"
REFUSED = "the key may not read it"
UNREADABLE = "the answer was not as documented"
UNANSWERED = "no answer came"
LIMITED = "the rate limit did not let go"
SPENT = "all requests of a probe were spent"
KEY_REFUSED = "the key was refused"
UNASKED = "reading alone does not show it"
NO_ERROR = "no answer of this probe was one"
# A form that nobody foresaw: whatever an account answers is no traceback, which would show what it holds.
ODD = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
REASONS = (
    *(NOTHING, AMBIGUOUS, MOVING, REFUSED, UNREADABLE, UNANSWERED, LIMITED, SPENT, KEY_REFUSED, UNASKED),
    NO_ERROR,
)
# How many cases an answer rests on, by magnitude: (at least, word).
MAGNITUDES = ((1000, "thousands"), (100, "hundreds"), (10, "dozens"), (2, "a few"), (1, "one"), (0, "none"))


def magnitude(number: int) -> str:
    """How many, in a word that tells no number."""
    return next(word for least, word in MAGNITUDES if number >= least)


class UnshownError(Exception):
    """The account does not show an answer; the argument is one of `REASONS`."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why
