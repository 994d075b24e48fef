"""What staff see of loyalty in Oscar's dashboard: panels on its pages, goodwill points, and a page of our own."""
