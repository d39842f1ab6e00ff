"""Our own labelled transcripts: template families as data, and the code that reads and renders them."""
