"""What the routes answer, as pydantic models: for the OpenAPI document alone, never run on an answer.

Routes build their answers themselves and say here what these look like (``answers``); a test holds the real
answers of a running gateway against what is published. Members may be added to an answer, so readers should
pass over what they do not know; only the proof file and the trust root are closed.
"""
