wrk.headers["authorization"] = "Bearer " .. os.getenv("TOKEN")
