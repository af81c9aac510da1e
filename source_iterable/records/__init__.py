"""Records: from the lines of a response to finished RECORD messages, in batches."""
