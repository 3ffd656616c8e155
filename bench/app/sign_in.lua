wrk.method = "POST"
wrk.headers["content-type"] = "application/json"
wrk.body = '{"name":"ada","password":"correct horse battery"}'
