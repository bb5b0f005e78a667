"""What `manage.py panels` can do: one file per action in `actions/`, around one frame."""
