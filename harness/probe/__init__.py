"""The probe: what is unverified about Aha!'s API, asked of a live account, and answered without its data.

A question is a declaration (`questions/`): what is asked, how the answer is judged, which switch of the
sandbox or which option of the connector it decides, and what the connector rests on it. An answer is chosen
from the question's own words and never quoted, so nothing of an account can stand in it.
"""
