"""What devices have recorded, as a person asks for it: by channel, by time, with what is not known said."""
