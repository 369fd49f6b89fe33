"""What the tasks of each DAG do: each calls one stage."""
