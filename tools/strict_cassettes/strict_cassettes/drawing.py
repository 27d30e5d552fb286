"""Drawing: keyed words and numbers, the same for the same value everywhere, and never what somebody wrote.

Words are written with consonants only, in six letters and more. An account whose people write such words
gets others: what was drawn is compared with its originals, and drawn again.
"""

import hashlib
import hmac
import re
from itertools import count

LETTERS = "bcdfghjklmnpqrst"
WORD_LETTERS = 7
WORD = re.compile(r"[^\W_]+")
# 19 digits are Aha!'s ids, 63-bit numbers: the room above them is what their pseudonyms are spread over.
ORDERED_DIGITS = 19
ORDERED_FROM, ORDERED_TO, ORDERED_ROOM = 10**18, 2**63, 10**19 - 2**63
ROUNDS = 8


class Drawing:
    """What is drawn with one key.

    Args:
        key: a secret for real data. Who has it can tell whether a guess is right.

    Attributes:
        originals: words that must not be drawn, because somebody wrote them.
        issued: every word and number that was drawn.
    """

    def __init__(self, key: str) -> None:
        self._key = hashlib.sha256(key.encode()).digest()
        self.originals: set[str] = set()
        self.issued: set[str] = set()

    @property
    def fingerprint(self) -> str:
        """Tells one key from another, and gives away neither."""
        return self._digest("fingerprint", "").hex()[:16]

    def spell(self, use: str, value: str, length: int) -> str:
        """`length` characters that nobody wrote: words of seven letters in a text, one word elsewhere."""
        for attempt in count():
            drawn = self._stream(use, f"{attempt}:{value}" if attempt else value, length // 2 + 1)
            out = "".join(LETTERS[byte >> 4] + LETTERS[byte & 15] for byte in drawn)
            if use == "text" and length > 2 * WORD_LETTERS:
                starts = range(0, len(out), WORD_LETTERS)
                out = " ".join(out[start : start + WORD_LETTERS] for start in starts)
            out = out[: length - 1] + out[length - 1].replace(" ", LETTERS[0])
            if not {form for word in WORD.findall(out) for form in (word, word.title())} & self.originals:
                return self.issue(out)
        raise AssertionError("unreachable: nobody writes all words")

    def issue(self, made: str) -> str:
        """`made`, and that its words stand for something."""
        self.issued.update(WORD.findall(made))
        return made

    def decimal(self, value: str) -> str:
        """Another decimal with as many digits, and the same leading zeros: "0.5" stays below 1."""
        first = re.search(r"[1-9]", value)
        start = first.start() if first else len(value)
        for attempt in count():
            drawn = self._stream("number", f"{attempt}:{value}", len(value))
            made = "".join(
                char if place < start or not char.isdigit() else str(drawn[place] % 9 + 1)
                for place, char in enumerate(value)
            )
            if made != value or first is None:
                return self.issue(made)
        raise AssertionError("unreachable: a digit that is not 0 has eight others")

    def integer(self, value: str) -> str:
        """As many digits, for digits without leading zeros. 19 keep their order; fewer are permuted."""
        number, length = int(value), len(value)
        if length == ORDERED_DIGITS and number < ORDERED_TO:
            return self.issue(str(number + self._shift(number)))
        return self.issue(str(self._walk(number, 10 ** (length - 1), 10**length)))

    def prefix(self, letters: str) -> str:
        """As many capitals A to Z, and others for every other text of as many: a permutation."""
        number = 0
        for letter in letters:
            number = number * 26 + ord(letter) - ord("A")
        size = 26 ** len(letters)
        number = self._permute(number, high := 10 ** len(str(size)))
        while number >= size:
            number = self._permute(number, high)
        out = ""
        for _ in letters:
            number, letter_number = divmod(number, 26)
            out = chr(ord("A") + letter_number) + out
        return self.issue(out)

    def _walk(self, number: int, low: int, high: int) -> int:
        """Cycle-walking: a permutation of a larger range, until it falls into the one wanted."""
        while True:
            number = self._permute(number, high)
            if number >= low:
                return number

    def _shift(self, number: int) -> int:
        """How far an ordered id moves: never less than a smaller one, so that no two meet.

        The room is divided between the halves of the range by a keyed number, and so on within each half.
        """
        low, high = ORDERED_FROM, ORDERED_TO
        # The first of all moves too, and far.
        shift = ORDERED_ROOM // 4 + self._number("room", "") % (ORDERED_ROOM // 4)
        room = ORDERED_ROOM - shift
        while high - low > 1 and room:
            middle = (low + high) // 2
            left = self._number("room", f"{low} {high}") % (room + 1)
            if number < middle:
                high, room = middle, left
            else:
                low, shift, room = middle, shift + left, room - left
        return shift

    def _permute(self, number: int, size: int) -> int:
        """A keyed permutation of the numbers below `size`, which is a power of ten: a Feistel network."""
        digits = len(str(size - 1))
        right_size = 10 ** (digits // 2)
        left_size = size // right_size
        left, right = divmod(number, right_size)
        for step in range(ROUNDS):
            if step % 2:
                right = (right + self._number("feistel", f"{digits} {step} {left}")) % right_size
            else:
                left = (left + self._number("feistel", f"{digits} {step} {right}")) % left_size
        return int(left * right_size + right)

    def _number(self, use: str, value: str) -> int:
        return int.from_bytes(self._digest(use, value))

    def _stream(self, use: str, value: str, length: int) -> bytes:
        """As many keyed bytes as are wanted."""
        blocks = range(length // hashlib.sha256().digest_size + 1)
        return b"".join(self._digest(use, f"{block}:{value}") for block in blocks)[:length]

    def _digest(self, use: str, value: str) -> bytes:
        return hmac.new(self._key, f"{use}:{value}".encode(errors="surrogatepass"), hashlib.sha256).digest()
