"""All questions, in the order in which they are asked: a new one is an entry in one of these modules."""

from harness.probe.question import Question
from harness.probe.questions.access import ACCESS
from harness.probe.questions.audits import AUDITS
from harness.probe.questions.comments import COMMENTS
from harness.probe.questions.events import EVENTS
from harness.probe.questions.fields import FIELDS
from harness.probe.questions.graphql import GRAPHQL
from harness.probe.questions.lists import LISTS
from harness.probe.questions.since import UPDATED_SINCE

# What rests on an error that came by itself is judged last.
QUESTIONS: tuple[Question, ...] = (
    *FIELDS,
    *LISTS,
    *UPDATED_SINCE,
    *COMMENTS,
    *GRAPHQL,
    *AUDITS,
    *EVENTS,
    *ACCESS,
)
