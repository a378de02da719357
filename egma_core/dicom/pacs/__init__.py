"""In: a connection to a PACS and what is wanted of it. Out: what it holds, and its films as files, one by one."""
