"""Turns codes and parameters into sentences, in the language asked for.

Domain code stores and raises codes (`campaigns.reason`). The edges and `transactional` ask this
package for the words. It imports nothing but Babel and knows the codes by name.
"""

from campaigns.wording.sentences import SENTENCES, Words

__all__ = ["SENTENCES", "Words"]
