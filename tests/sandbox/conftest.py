from tests.fakes.stand_in import fcm_credentials_file, stand_in, stand_in_process

__all__ = ["fcm_credentials_file", "stand_in", "stand_in_process"]
