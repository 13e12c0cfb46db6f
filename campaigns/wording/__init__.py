"""Turn codes and parameters into sentences, in a given language.

Domain code stores and raises codes (`campaigns.reason`). The edges and `transactional` get the
sentences from this package. It imports only Babel and knows the codes by name.
"""

from campaigns.wording.sentences import SENTENCES, Words

__all__ = ["SENTENCES", "Words"]
