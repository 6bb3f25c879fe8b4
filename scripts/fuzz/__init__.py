"""Coverage-guided fuzzing of all that reads what others have written: replies, callbacks, contracts, HTTP."""
