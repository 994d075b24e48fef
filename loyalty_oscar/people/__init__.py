"""What the house knows of people besides their points: the birthday that they told, the mails that they do not
want, the address that they confirmed; what their orders were, and how they buy."""
