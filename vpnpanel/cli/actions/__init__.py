"""The actions of `manage.py panels`. A module here is an action, named as it is: nothing else to register."""
