"""What the house knows of people besides their points: the birthday that they told, the address that they confirmed."""
