"""The front page of loyalty for those who run the shop: one content, in Django's admin and in Oscar's dashboard."""
