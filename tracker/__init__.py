"""What an inpaint job is: its states, its upstream, its store. Imports neither `service` nor `workers`."""
