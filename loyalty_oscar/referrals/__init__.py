"""Floor 3: friends who bring friends. Codes, who brought whom, the checks, and both rewards with their way back."""
